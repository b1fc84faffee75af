import { DecodeError } from "../../foundation/bytes.ts";
import { MAX_PAYLOAD } from "./block.ts";
import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE, KEY_SIZE, SIGNATURE_SIZE } from "./size.ts";

/** Octets of a blob that one BLOB_WRITE holds. */
export const BLOB_WRITE_MAX = MAX_PAYLOAD - 5 - ID_SIZE - 8;
/** Octets of a blob that one BLOB_DATA holds. */
export const BLOB_DATA_MAX = MAX_PAYLOAD - 5 - 8;
/** Octets that one BLOB_READ may ask for: what the relay reads into memory at a time for one connection. */
export const BLOB_READ_MAX = 64 * BLOB_DATA_MAX;
/** Readers in one BLOB_GRANT: as many as fit beside the rest. */
export const GRANT_MAX = 256;

/**
 * Makes a blob, or opens it again for being written on from where the relay has it; this connection may then write it.
 * BLOB_STORED, or FORBIDDEN, IN_USE, FULL, INVALID (too large). Ids and keys are the client's choice.
 */
export interface BlobCreate {
  readonly kind: "blob-create";
  readonly token: Buffer;
  readonly blobId: Buffer;
  /** Ed25519 public key of who writes, grants and deletes. */
  readonly ownerKey: Buffer;
  /** Of the whole blob. */
  readonly octets: number;
  readonly signature: Buffer;
}

/** Who may read it, under an id and with an Ed25519 key of their own. */
export interface BlobReader {
  readonly readId: Buffer;
  readonly readKey: Buffer;
}

/** Lets these read the blob; OK, NO_BLOB, FULL, IN_USE. May be sent again as it is. */
export interface BlobGrant {
  readonly kind: "blob-grant";
  readonly blobId: Buffer;
  readonly signature: Buffer;
  readonly readers: readonly BlobReader[];
}

/** Octets that follow on those that this connection wrote before; no answer, and passed over where they do not follow. */
export interface BlobWrite {
  readonly kind: "blob-write";
  readonly blobId: Buffer;
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Asks for what was written to be put on the disk; BLOB_STORED then, or NO_BLOB where this connection writes none. */
export interface BlobSync {
  readonly kind: "blob-sync";
  readonly blobId: Buffer;
}

/** Asks for a part of the blob: BLOB_DATA, as many as it takes, and OK; NO_BLOB, INVALID (past the end), RETRY (not there yet). */
export interface BlobRead {
  readonly kind: "blob-read";
  readonly readId: Buffer;
  readonly offset: number;
  readonly length: number;
  readonly signature: Buffer;
}

/** A reader has all of it; OK or NO_BLOB. With its last reader the blob goes. */
export interface BlobDone {
  readonly kind: "blob-done";
  readonly readId: Buffer;
  readonly signature: Buffer;
}

/** The owner takes it back; OK or NO_BLOB. */
export interface BlobDelete {
  readonly kind: "blob-delete";
  readonly blobId: Buffer;
  readonly signature: Buffer;
}

/** So many octets of the blob, from its beginning, are on the relay's disk. */
export interface BlobStored {
  readonly kind: "blob-stored";
  readonly octets: number;
}

/** Octets of a blob, before the OK of the BLOB_READ whose correlation it bears. */
export interface BlobData {
  readonly kind: "blob-data";
  readonly offset: number;
  readonly bytes: Buffer;
}

/** What the signature of a BLOB_CREATE covers, beside the connection. */
export function blobCreateFields({ blobId, octets }: Pick<BlobCreate, "blobId" | "octets">): Buffer {
  return Buffer.concat([blobId, u64(octets)]);
}

/** And that of a BLOB_GRANT. */
export function blobGrantFields({ blobId, readers }: Pick<BlobGrant, "blobId" | "readers">): Buffer {
  return Buffer.concat([blobId, ...readers.flatMap(({ readId, readKey }) => [readId, readKey])]);
}

/** And that of a BLOB_READ. */
export function blobReadFields({ readId, offset, length }: Pick<BlobRead, "readId" | "offset" | "length">): Buffer {
  return Buffer.concat([readId, u64(offset), u64(length)]);
}

/** `blob-create = token blobId ownerKey octets signature ; 32, 24, 32 bytes, u64, 64 bytes` */
export const blobCreate: Codec<BlobCreate> = {
  kind: "blob-create",
  type: 0x30,
  write(message, to) {
    writeFixed(to, message.token, KEY_SIZE);
    writeFixed(to, message.blobId, ID_SIZE);
    writeFixed(to, message.ownerKey, KEY_SIZE);
    to.u64(message.octets);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({
    kind: "blob-create",
    token: from.raw(KEY_SIZE),
    blobId: from.raw(ID_SIZE),
    ownerKey: from.raw(KEY_SIZE),
    octets: from.u64(),
    signature: from.raw(SIGNATURE_SIZE),
  }),
};

/** `blob-grant = blobId signature count *(readId readKey) ; 24, 64 bytes, u16 of 1..256, 24 and 32 bytes each` */
export const blobGrant: Codec<BlobGrant> = {
  kind: "blob-grant",
  type: 0x31,
  write(message, to) {
    writeFixed(to, message.blobId, ID_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
    to.u16(message.readers.length);
    for (const { readId, readKey } of message.readers) {
      writeFixed(to, readId, ID_SIZE);
      writeFixed(to, readKey, KEY_SIZE);
    }
  },
  read(from) {
    const blobId = from.raw(ID_SIZE);
    const signature = from.raw(SIGNATURE_SIZE);
    const count = from.u16();
    if (count < 1 || count > GRANT_MAX) throw new DecodeError(`${count} readers`);
    const readers = Array.from({ length: count }, () => ({ readId: from.raw(ID_SIZE), readKey: from.raw(KEY_SIZE) }));
    return { kind: "blob-grant", blobId, signature, readers };
  },
};

/** `blob-write = blobId offset *OCTET ; 24 bytes, u64, to the payload's end` */
export const blobWrite: Codec<BlobWrite> = {
  kind: "blob-write",
  type: 0x32,
  write(message, to) {
    writeFixed(to, message.blobId, ID_SIZE);
    to.u64(message.offset).raw(message.bytes);
  },
  read: (from) => ({ kind: "blob-write", blobId: from.raw(ID_SIZE), offset: from.u64(), bytes: from.rest() }),
};

/** `blob-sync = blobId ; 24 bytes` */
export const blobSync: Codec<BlobSync> = {
  kind: "blob-sync",
  type: 0x33,
  write: (message, to) => writeFixed(to, message.blobId, ID_SIZE),
  read: (from) => ({ kind: "blob-sync", blobId: from.raw(ID_SIZE) }),
};

/** `blob-read = readId offset length signature ; 24 bytes, u64, u32, 64 bytes` */
export const blobRead: Codec<BlobRead> = {
  kind: "blob-read",
  type: 0x34,
  write(message, to) {
    writeFixed(to, message.readId, ID_SIZE);
    to.u64(message.offset).u32(message.length);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read(from) {
    const readId = from.raw(ID_SIZE);
    const offset = from.u64();
    const length = from.u32();
    if (length < 1 || length > BLOB_READ_MAX) throw new DecodeError(`${length} octets of a blob`);
    return { kind: "blob-read", readId, offset, length, signature: from.raw(SIGNATURE_SIZE) };
  },
};

/** `blob-done = readId signature ; 24, 64 bytes` */
export const blobDone: Codec<BlobDone> = {
  kind: "blob-done",
  type: 0x35,
  write(message, to) {
    writeFixed(to, message.readId, ID_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({ kind: "blob-done", readId: from.raw(ID_SIZE), signature: from.raw(SIGNATURE_SIZE) }),
};

/** `blob-delete = blobId signature ; 24, 64 bytes` */
export const blobDelete: Codec<BlobDelete> = {
  kind: "blob-delete",
  type: 0x36,
  write(message, to) {
    writeFixed(to, message.blobId, ID_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({ kind: "blob-delete", blobId: from.raw(ID_SIZE), signature: from.raw(SIGNATURE_SIZE) }),
};

/** `blob-stored = octets ; u64` */
export const blobStored: Codec<BlobStored> = {
  kind: "blob-stored",
  type: 0xb0,
  write: (message, to) => void to.u64(message.octets),
  read: (from) => ({ kind: "blob-stored", octets: from.u64() }),
};

/** `blob-data = offset *OCTET ; u64, to the payload's end` */
export const blobData: Codec<BlobData> = {
  kind: "blob-data",
  type: 0xb1,
  write: (message, to) => void to.u64(message.offset).raw(message.bytes),
  read: (from) => ({ kind: "blob-data", offset: from.u64(), bytes: from.rest() }),
};

function u64(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
}

import { hash } from "node:crypto";
import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { LETTER_SIZE_MAX } from "./letter-content.ts";

/** `mail`: for the bridge; `control`: for the overlay itself (control.ts). */
export type LetterKind = "mail" | "control";

/**
 * What a letter's ratchet message says, one per recipient device:
 *
 *     header = %x01 kind flags content-key manifest-hash letter-id seq prev-hash size state-hash mark
 *
 * kind 1 octet (%x01 mail, %x02 control); flags 2, unknown ones are ignored; content-key and hashes 32;
 * letter-id 16; seq and size 8. seq counts from 1 per pair of devices; prev-hash is the SHA-256 of the header before,
 * zeros for the first. state-hash, 32, is that of the account state that the sender holds; mark, 16, is one that the
 * sender's device alone can check, so that the recipient can later prove to it how far it had come (renewal.ts).
 */
export interface LetterHeader {
  readonly kind: LetterKind;
  readonly flags: number;
  readonly contentKey: Buffer;
  readonly manifestHash: Buffer;
  readonly id: Buffer;
  readonly seq: number;
  readonly prevHash: Buffer;
  /** Octets of the content. */
  readonly size: number;
  readonly stateHash: Buffer;
  readonly mark: Buffer;
}

export const MARK_LENGTH = 16;
export const LETTER_ID_LENGTH = 16;
/** A flag: the letter is not to be acknowledged. Receipts have it, so that none answers another for ever. */
export const NO_RECEIPT = 1;
/** A flag: the content lies in a blob, and the letter's one cell says where (blob-reference.ts). */
export const IN_BLOB = 2;
/** A flag: the sender's device takes such letters. */
export const READS_BLOBS = 4;
const VERSION = 1;
const COMMITMENT = Buffer.from("postern letter 1 commitment");
const KIND = { mail: 1, control: 2 } as const;

export function encodeLetterHeader(header: LetterHeader): Buffer {
  return new ByteWriter()
    .u8(VERSION)
    .u8(KIND[header.kind])
    .u16(header.flags)
    .raw(header.contentKey)
    .raw(header.manifestHash)
    .raw(header.id)
    .u64(header.seq)
    .raw(header.prevHash)
    .u64(header.size)
    .raw(header.stateHash)
    .raw(header.mark)
    .bytes();
}

/** @throws DecodeError */
export function decodeLetterHeader(bytes: Uint8Array): LetterHeader {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("letter header of an unknown version");
  const kind = reader.u8();
  if (kind !== 1 && kind !== 2) throw new DecodeError("letter of an unknown kind");
  const header: LetterHeader = {
    kind: kind === 1 ? "mail" : "control",
    flags: reader.u16(),
    contentKey: reader.raw(32),
    manifestHash: reader.raw(32),
    id: reader.raw(LETTER_ID_LENGTH),
    seq: reader.u64(),
    prevHash: reader.raw(32),
    size: reader.u64(),
    stateHash: reader.raw(32),
    mark: reader.raw(MARK_LENGTH),
  };
  reader.end();
  if (header.seq < 1) throw new DecodeError("seq counts from 1");
  if (header.size > LETTER_SIZE_MAX) throw new DecodeError("letter larger than allowed");
  return header;
}

/**
 * What a letter's first cell says of its headers, the same for all devices that read it: SHA-256 over
 * `"postern letter 1 commitment" kind content-key manifest-hash letter-id`. ChaCha20-Poly1305 commits to no key: without
 * this, a sender could make one body that two devices, each with the key that it was told, open to two texts.
 */
export function letterCommitment({
  kind,
  contentKey,
  manifestHash,
  id,
}: Pick<LetterHeader, "kind" | "contentKey" | "manifestHash" | "id">): Buffer {
  return hash(
    "sha256",
    new ByteWriter().raw(COMMITMENT).u8(KIND[kind]).raw(contentKey).raw(manifestHash).raw(id).bytes(),
    "buffer",
  );
}

export function headerHash(encoded: Uint8Array): Buffer {
  return hash("sha256", encoded, "buffer");
}

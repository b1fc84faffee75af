import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { deriveKey, open, seal } from "../../foundation/seal.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { FIRST_CHUNK } from "../letters/letter-content.ts";
import { checkedRelay } from "../queues/queue-address.ts";
import type { BlobReading } from "../relay-client/blob-requests.ts";

/** Where a letter's blob lies, and what reads it. Each recipient has a secret of their own. */
export interface BlobReference {
  /** Without a token. */
  readonly relay: RelayAddress;
  /** 32 bytes. */
  readonly readSecret: Buffer;
}

const VERSION = 1;
const CONTEXT = "postern blob 1 reference";
const NONCE = Buffer.alloc(12);

/**
 * What the one cell of such a letter holds in the place of its first chunk:
 *
 *     sealed    = ChaCha20-Poly1305(HKDF(content-key, salt tag, "postern blob 1 reference"), 0, reference *%x00, the same text)
 *     reference = %x01 host port pin read-secret    ; UTF-8 after its length in 2 octets, 2, 32 and 32 octets
 *
 * The tag is random for each letter and recipient, so the key serves once.
 */
export function sealReference(contentKey: Uint8Array, tag: Uint8Array, reference: BlobReference): Buffer {
  const padded = Buffer.alloc(FIRST_CHUNK);
  padded.set(encodeReference(reference));
  return seal(referenceKey(contentKey, tag), NONCE, padded, Buffer.from(CONTEXT));
}

/** Undefined where it does not open, or says what cannot be. */
export function openReference(contentKey: Uint8Array, tag: Uint8Array, sealed: Uint8Array): BlobReference | undefined {
  const padded = open(referenceKey(contentKey, tag), NONCE, sealed, Buffer.from(CONTEXT));
  if (padded === undefined) return undefined;
  try {
    return decodeReference(padded);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

export function encodeReference({ relay, readSecret }: BlobReference): Buffer {
  const writer = new ByteWriter().u8(VERSION).text16(relay.host).u16(relay.port);
  return writer.raw(relay.pin).raw(readSecret).bytes();
}

/** What follows the fields is padding. @throws DecodeError */
export function decodeReference(bytes: Uint8Array): BlobReference {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new DecodeError("blob reference of an unknown version");
  const host = reader.text16();
  const port = reader.u16();
  const relay = checkedRelay(host, port, Buffer.from(reader.raw(32)));
  return { relay, readSecret: Buffer.from(reader.raw(32)) };
}

/** What one device of the recipient reads the blob with: 24 and 32 bytes of `HKDF(read-secret, salt device, "postern blob 1 reader")`. */
export function readerOf(readSecret: Uint8Array, deviceId: number): BlobReading {
  const derived = deriveKey(readSecret, "postern blob 1 reader", 56, Uint8Array.of(deviceId));
  return { readId: derived.subarray(0, 24), readSeed: derived.subarray(24) };
}

function referenceKey(contentKey: Uint8Array, tag: Uint8Array): Buffer {
  return deriveKey(contentKey, CONTEXT, 32, tag);
}

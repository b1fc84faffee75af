import { BoundedBuffer } from "../../foundation/bounded-buffer.ts";
import { randomOctets } from "../../foundation/random-octets.ts";
import { encodeHeader } from "./header.ts";
import type { AgeRecipient } from "./identity.ts";
import { CHUNK_SIZE, FILE_KEY_SIZE, NONCE_SIZE } from "./limits.ts";
import { chunkCount, payloadKey, sealChunk } from "./payload.ts";

/** What a new file begins with, header and nonce, and the key of its chunks. */
function beginFile(recipients: readonly AgeRecipient[]): { start: Buffer; key: Buffer } {
  const fileKey = randomOctets(FILE_KEY_SIZE);
  const nonce = randomOctets(NONCE_SIZE);
  const stanzas = recipients.map((recipient) => recipient.wrap(fileKey));
  return { start: Buffer.concat([encodeHeader(stanzas, fileKey), nonce]), key: payloadKey(fileKey, nonce) };
}

/** Seals one file as age v1, piece by piece; holds at most one chunk. */
export class AgeSealer {
  /** Header and nonce: the first octets of the file. */
  readonly start: Buffer;
  readonly #key: Buffer;
  readonly #pending = new BoundedBuffer(CHUNK_SIZE);
  #index = 0;

  constructor(recipients: readonly AgeRecipient[]) {
    const { start, key } = beginFile(recipients);
    this.start = start;
    this.#key = key;
  }

  /** The chunks that these octets complete, in pieces. A full chunk is held back until it is known not to be the last. */
  *push(plaintext: Uint8Array): Generator<Buffer> {
    let offset = 0;
    while (offset < plaintext.length) {
      if (this.#pending.full) {
        yield* sealChunk(this.#key, this.#index++, false, this.#pending.bytes());
        this.#pending.clear();
      }
      for (; this.#pending.length === 0 && plaintext.length - offset > CHUNK_SIZE; offset += CHUNK_SIZE)
        yield* sealChunk(this.#key, this.#index++, false, plaintext.subarray(offset, offset + CHUNK_SIZE));
      offset += this.#pending.append(plaintext, offset);
    }
  }

  /** The last chunk, in pieces; nothing may be pushed after it. */
  end(): readonly Buffer[] {
    return sealChunk(this.#key, this.#index, true, this.#pending.bytes());
  }
}

/** Seals a small file at once, without a copy of what it holds. */
export function sealBytes(recipients: readonly AgeRecipient[], plaintext: Uint8Array): Buffer {
  const { start, key } = beginFile(recipients);
  const pieces = [start];
  const last = chunkCount(plaintext.length) - 1;
  for (let index = 0; index <= last; index++)
    pieces.push(
      ...sealChunk(key, index, index === last, plaintext.subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE)),
    );
  return Buffer.concat(pieces);
}

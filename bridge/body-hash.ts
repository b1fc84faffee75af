import { createHash } from "node:crypto";

const LF = 0x0a;
const CR = 0x0d;

/**
 * SHA-256 of a message's body as it passes by. CR is left out and line ends at the very end do not count, because mail
 * programs differ in them between what they submit and what they file.
 */
export class BodyHash {
  readonly #hash = createHash("sha256");
  #inBody = false;
  /** Line ends in a row: one more in the header ends it; in the body they wait for what follows. */
  #lineEnds = 1;

  push(chunk: Uint8Array): void {
    let index = 0;
    if (!this.#inBody) index = this.#skipHeader(chunk);
    let start = index;
    for (; index < chunk.length; index++) {
      const octet = chunk[index];
      if (octet !== LF && octet !== CR) {
        if (this.#lineEnds > 0) {
          this.#hash.update("\n".repeat(this.#lineEnds));
          this.#lineEnds = 0;
          start = index;
        }
        continue;
      }
      if (start < index) this.#hash.update(chunk.subarray(start, index));
      start = index + 1;
      if (octet === LF) this.#lineEnds++;
    }
    if (this.#inBody && start < chunk.length) this.#hash.update(chunk.subarray(start));
  }

  digest(): Buffer {
    return this.#hash.digest();
  }

  /** Hands all on, and hashes it. */
  async *watch(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.push(chunk);
      yield chunk;
    }
  }

  #skipHeader(chunk: Uint8Array): number {
    for (let index = 0; index < chunk.length; index++) {
      const octet = chunk[index];
      if (octet === LF) this.#lineEnds++;
      else if (octet !== CR) this.#lineEnds = 0;
      if (this.#lineEnds === 2) {
        this.#inBody = true;
        this.#lineEnds = 0;
        return index + 1;
      }
    }
    return chunk.length;
  }
}

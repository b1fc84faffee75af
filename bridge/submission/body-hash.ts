import { createHash } from "node:crypto";
import type { Content } from "../../foundation/content.ts";

/**
 * SHA-256 of a message's body as it passes by. CR is left out and line ends at the very end do not count, because mail
 * programs differ in them between what they submit and what they file.
 */
export class BodyHash {
  readonly #hash = createHash("sha256");
  #inBody = false;
  /** Line ends at the end of what came so far: in the header one more ends it, in the body they wait for what follows. */
  #lineEnds = 1;

  push(chunk: Uint8Array): void {
    const text = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString("latin1").replaceAll("\r", "");
    this.#body(this.#inBody ? text : this.#afterHeader(text));
  }

  digest(): Buffer {
    return this.#hash.digest();
  }

  /** Hands all on, and hashes it. */
  watch(content: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
  watch(content: Content): Content;
  watch(content: Content): Content {
    if (!Buffer.isBuffer(content)) return this.#watchStream(content);
    this.push(content);
    return content;
  }

  async *#watchStream(content: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      this.push(chunk);
      yield chunk;
    }
  }

  #body(text: string): void {
    let end = text.length;
    while (end > 0 && text[end - 1] === "\n") end--;
    if (end > 0) {
      if (this.#lineEnds > 0) this.#hash.update("\n".repeat(this.#lineEnds), "latin1");
      this.#hash.update(end === text.length ? text : text.slice(0, end), "latin1");
      this.#lineEnds = 0;
    }
    this.#lineEnds += text.length - end;
  }

  /** What follows the empty line, once it has come. */
  #afterHeader(text: string): string {
    for (let index = 0; index < text.length; index++) {
      this.#lineEnds = text[index] === "\n" ? this.#lineEnds + 1 : 0;
      if (this.#lineEnds === 2) {
        this.#inBody = true;
        this.#lineEnds = 0;
        return text.slice(index + 1);
      }
    }
    return "";
  }
}

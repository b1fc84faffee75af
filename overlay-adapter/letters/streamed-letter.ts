import type { AddressLabel } from "../../foundation/address.ts";
import { LetterAborted, type LetterReceiver } from "../ports.ts";
import { Channel } from "./channel.ts";
import { ManifestHash } from "./letter-content.ts";
import { chunkContent, type OpenedHeader } from "./opening.ts";

/** A large letter on its way from the queue to the bridge's disk: chunks are opened as they come, and not kept. */
export class StreamedLetter {
  readonly header: OpenedHeader;
  readonly #channel = new Channel<Buffer>();
  readonly #received: Promise<() => void>;
  #altered = false;
  #refused = false;

  constructor(receiver: LetterReceiver, from: AddressLabel, header: OpenedHeader, receivedAt: number) {
    this.header = header;
    const { deviceId, id, size } = header;
    this.#received = receiver.receive({ from, deviceId, id, receivedAt, size, content: this.#content() });
    this.#received.then(
      () => this.#channel.abandon(),
      () => {
        this.#refused = true;
        this.#channel.abandon();
      },
    );
  }

  /** Its bytes are not what the header promises: it is to be dropped. */
  get altered(): boolean {
    return this.#altered;
  }

  /** The bridge cannot take it now. */
  get refused(): boolean {
    return this.#refused && !this.#altered;
  }

  /** Resolves when the bridge has taken the chunk. */
  async push(index: number, sealed: Uint8Array): Promise<void> {
    if (this.#altered) return;
    const content = chunkContent(this.header, index, sealed);
    if (content === undefined) this.#abort();
    else if (content.length > 0) await this.#channel.push(content);
  }

  /** After the last chunk: what makes the letter visible; undefined if it was altered. Rejects if the bridge cannot take it. */
  async finish(): Promise<(() => void) | undefined> {
    this.#channel.end();
    try {
      const visible = await this.#received;
      return this.#altered ? undefined : visible;
    } catch (error) {
      if (this.#altered) return undefined;
      throw error;
    }
  }

  /** The rest will not come, or not now: what was staged is discarded. */
  async abandon(): Promise<void> {
    this.#channel.fail(new LetterAborted("the rest of the letter did not come"));
    await this.#received.catch(() => undefined);
  }

  #abort(): void {
    this.#altered = true;
    this.#channel.fail(new LetterAborted("the letter's content is not what its header promises"));
  }

  async *#content(): AsyncGenerator<Buffer> {
    const hash = new ManifestHash();
    for await (const piece of this.#channel.read()) {
      hash.update(piece);
      yield piece;
    }
    if (hash.digest(this.header.size).equals(this.header.manifestHash)) return;
    this.#altered = true;
    throw new LetterAborted("the letter's content is not what its header promises");
  }
}

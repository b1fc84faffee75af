import type { Duplex } from "node:stream";
import type { Clock } from "../../foundation/clock.ts";
import { ConnectionClosed } from "./input.ts";

/** Octets that are copied to be written together with others; longer ones are written as they are. */
const GATHERED = 16 * 1024;

/** Answers on their way to one client: gathered into large writes; a client that does not read makes the writer wait. */
export class Output {
  readonly #stream: Duplex;
  readonly #clock: Clock;
  readonly #chunk: number;
  readonly #stalled: number;
  /** What is gathered: pieces, and after them text. */
  #pieces: Buffer[] = [];
  #piecesLength = 0;
  #text = "";
  #sent = 0;
  #drained: Promise<void> | undefined;

  /** `chunk` in octets; `stalled` in milliseconds, after which a client that takes nothing is cut off. */
  constructor(stream: Duplex, clock: Clock, chunk: number, stalled: number) {
    this.#stream = stream;
    this.#clock = clock;
    this.#chunk = chunk;
    this.#stalled = stalled;
  }

  /** Adds text with one octet per character. Nothing is sent before `flush`. */
  write(text: string): void {
    this.#text += text;
  }

  /** Octets handed to the socket so far. */
  get sent(): number {
    return this.#sent;
  }

  /** True once enough is gathered that a writer of many lines should flush. */
  get full(): boolean {
    return this.#piecesLength + this.#text.length >= this.#chunk;
  }

  /** Hands everything to the socket and waits while the client is behind. @throws ConnectionClosed */
  async flush(): Promise<void> {
    if (this.#stream.destroyed || this.#stream.writableEnded) throw new ConnectionClosed("the client is gone");
    if (this.#piecesLength > 0) {
      this.#gatherText();
      const gathered = Buffer.concat(this.#pieces, this.#piecesLength);
      this.#pieces = [];
      this.#piecesLength = 0;
      this.#sent += gathered.length;
      this.#stream.write(gathered);
    } else if (this.#text.length > 0) {
      const text = this.#text;
      this.#text = "";
      this.#sent += text.length;
      this.#stream.write(text, "latin1");
    }
    if (this.#stream.writableNeedDrain) await this.#drain();
  }

  /** Octets after all that was written, which nobody changes afterwards; waits while the client is behind. */
  async octets(bytes: Uint8Array): Promise<void> {
    if (bytes.length <= GATHERED) {
      this.#gatherText();
      this.#pieces.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
      this.#piecesLength += bytes.length;
      if (this.full) await this.flush();
      return;
    }
    await this.flush();
    this.#sent += bytes.length;
    this.#stream.write(bytes);
    if (this.#stream.writableNeedDrain) await this.#drain();
  }

  #gatherText(): void {
    if (this.#text.length === 0) return;
    this.#pieces.push(Buffer.from(this.#text, "latin1"));
    this.#piecesLength += this.#text.length;
    this.#text = "";
  }

  #drain(): Promise<void> {
    this.#drained ??= new Promise<void>((resolve, reject) => {
      const settle = (error?: Error) => {
        cancel();
        this.#stream.off("drain", onDrain);
        this.#stream.off("close", onClose);
        this.#drained = undefined;
        if (error === undefined) resolve();
        else reject(error);
      };
      const onDrain = () => settle();
      const onClose = () => settle(new ConnectionClosed("the client is gone"));
      const cancel = this.#clock.after(this.#stalled, () => this.#stream.destroy());
      this.#stream.on("drain", onDrain);
      this.#stream.on("close", onClose);
    });
    return this.#drained;
  }
}

import type { MessagePort } from "node:worker_threads";
import { FERRY_PIECE, FERRY_PIECES } from "./limits.ts";

/** What goes to the other side: octets, in memory that comes back; or the end. What comes back is that memory. */
type Crossing = { readonly memory: ArrayBuffer; readonly length: number } | "end";

/**
 * Hands a message's octets to another thread, through a few pieces of memory that go there full and come back empty: so
 * none is made for a message however large, and the slower side sets the pace.
 */
export class ContentFerry {
  readonly #port: MessagePort;
  readonly #empty: ArrayBuffer[] = Array.from({ length: FERRY_PIECES }, () => new ArrayBuffer(FERRY_PIECE));
  #piece: ArrayBuffer | undefined;
  #filled = 0;
  #closed = false;
  #changed: (() => void) | undefined;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on("message", (memory: ArrayBuffer) => {
      this.#empty.push(memory);
      this.#changed?.();
    });
    port.on("close", () => {
      this.#closed = true;
      this.#changed?.();
    });
  }

  /** Resolves when the octets are copied; false where the other side takes no more. */
  async push(octets: Uint8Array): Promise<boolean> {
    for (let at = 0; at < octets.length; ) {
      this.#piece ??= await this.#nextPiece();
      if (this.#piece === undefined) return false;
      const taken = Math.min(FERRY_PIECE - this.#filled, octets.length - at);
      new Uint8Array(this.#piece).set(octets.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === FERRY_PIECE) this.#leave(this.#piece);
    }
    return true;
  }

  /** Nothing follows. */
  end(): void {
    if (this.#piece !== undefined) this.#leave(this.#piece);
    this.#port.postMessage("end" satisfies Crossing);
  }

  /** Where the end was not said, the other side knows that the rest will not come. */
  close(): void {
    this.#port.close();
  }

  async #nextPiece(): Promise<ArrayBuffer | undefined> {
    while (this.#empty.length === 0 && !this.#closed)
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
      });
    return this.#closed ? undefined : this.#empty.pop();
  }

  #leave(memory: ArrayBuffer): void {
    this.#port.postMessage({ memory, length: this.#filled } satisfies Crossing, [memory]);
    this.#piece = undefined;
    this.#filled = 0;
  }
}

/**
 * What a ferry brings, to be consumed once; each piece is valid until the next one is asked for. Throws where the ferry was
 * closed before the end.
 */
export async function* ferried(port: MessagePort): AsyncGenerator<Uint8Array> {
  const arrived: Crossing[] = [];
  let closed = false;
  let changed: (() => void) | undefined;
  port.on("message", (crossing: Crossing) => {
    arrived.push(crossing);
    changed?.();
  });
  port.on("close", () => {
    closed = true;
    changed?.();
  });
  for (;;) {
    const crossing = arrived.shift();
    if (crossing === "end") return;
    if (crossing !== undefined) {
      yield new Uint8Array(crossing.memory, 0, crossing.length);
      port.postMessage(crossing.memory, [crossing.memory]);
    } else if (closed) throw new Error("the rest of the message does not come");
    else
      await new Promise<void>((resolve) => {
        changed = resolve;
      });
  }
}

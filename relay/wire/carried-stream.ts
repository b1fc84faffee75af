import { Duplex } from "node:stream";
import { CARRY_MAX } from "./forward.ts";

/** The connection whose blocks carry the stream. */
export interface CarryingConnection {
  /** Sends up to CARRY_MAX octets in a block; false where the next should wait for `drained`. */
  send(bytes: Buffer): boolean;
  /** The stream can take more. */
  hungry(): void;
  /** The stream is over: the connection is of no further use. */
  ended(): void;
}

/** One byte stream in the blocks of a connection. What is written within one turn goes out in as few blocks as it fits into. */
export class CarriedStream extends Duplex {
  readonly #connection: CarryingConnection;
  #written: (() => void) | undefined;

  constructor(connection: CarryingConnection) {
    super();
    this.#connection = connection;
  }

  /** Octets came in a block; false where no more should be read until `hungry`. */
  receive(bytes: Buffer): boolean {
    return this.destroyed || this.push(bytes);
  }

  /** The connection has room again. */
  drained(): void {
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  override _read(): void {
    this.#connection.hungry();
  }

  override _write(bytes: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.#send(bytes, done);
  }

  override _writev(pieces: readonly { readonly chunk: Buffer }[], done: () => void): void {
    this.#send(Buffer.concat(pieces.map(({ chunk }) => chunk)), done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.drained();
    this.#connection.ended();
    done(error);
  }

  #send(bytes: Buffer, done: () => void): void {
    let room = true;
    for (let at = 0; at < bytes.length; at += CARRY_MAX)
      room = this.#connection.send(bytes.subarray(at, at + CARRY_MAX));
    // Not at once: what else is written in this turn gathers meanwhile and shares blocks.
    if (room) setImmediate(done);
    else this.#written = done;
  }
}

/** Lets two streams be one; whichever ends takes the other along. */
export function joinStreams(one: Duplex, other: Duplex): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => from.destroy());
    from.once("close", () => to.destroy());
    from.pipe(to);
  }
}

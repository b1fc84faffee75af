import { type Duplex, duplexPair } from "node:stream";
import { Failure } from "../../foundation/failure.ts";
import type { Carrier } from "../../overlay-adapter/carriers/carrier.ts";
import { BlockSplitter } from "../../relay/wire/block.ts";
import type { Carry } from "../../relay/wire/forward.ts";
import { type Answer, type Command, type Frame, type Push, toClient, toRelay } from "../../relay/wire/frame.ts";
import type { Hello, Versions } from "../../relay/wire/handshake.ts";

/** One connection as the relay's end of it sees it; a test says what the relay answers. */
export class ScriptedConnection {
  readonly #stream: Duplex;
  readonly #frames: Frame<Command | Hello | Carry>[] = [];
  readonly #waiting: ((frame: Frame<Command | Hello | Carry>) => void)[] = [];

  constructor(stream: Duplex) {
    this.#stream = stream;
    const splitter = new BlockSplitter();
    stream.on("data", (piece: Buffer) => {
      for (const block of splitter.push(piece)) {
        const frame = toRelay.decode(Buffer.from(block));
        const next = this.#waiting.shift();
        if (next === undefined) this.#frames.push(frame);
        else next(frame);
      }
    });
    stream.on("error", () => undefined);
  }

  say(message: Versions | Push | Answer, correlation = 0): void {
    this.#stream.write(toClient.encode(correlation, message));
  }

  sayBytes(bytes: Buffer): void {
    this.#stream.write(bytes);
  }

  hear(): Promise<Frame<Command | Hello | Carry>> {
    const frame = this.#frames.shift();
    return frame === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(frame);
  }

  /** The versions, and the client's hello. */
  async greet(): Promise<void> {
    this.say({ kind: "versions", versions: [1] });
    await this.hear();
  }

  break(): void {
    this.#stream.destroy();
  }
}

/** A carrier to a relay that a test plays; while `down`, nothing can be reached. */
export class ScriptedCarrier implements Carrier {
  readonly properties = { duplex: true, maxLatency: 30_000, hidesIp: false, isolates: false };
  down = false;
  opened = 0;
  readonly #connections: ScriptedConnection[] = [];
  readonly #waiting: ((connection: ScriptedConnection) => void)[] = [];

  async open(): ReturnType<Carrier["open"]> {
    this.opened++;
    if (this.down) throw new Failure("unavailable", "the network is down");
    const [stream, other] = duplexPair();
    const connection = new ScriptedConnection(other);
    stream.once("close", () => other.destroy());
    other.once("close", () => stream.destroy());
    const next = this.#waiting.shift();
    if (next === undefined) this.#connections.push(connection);
    else next(connection);
    return { stream, properties: this.properties, exporter: () => Buffer.alloc(32, 1) };
  }

  connection(): Promise<ScriptedConnection> {
    const connection = this.#connections.shift();
    return connection === undefined
      ? new Promise((resolve) => this.#waiting.push(resolve))
      : Promise.resolve(connection);
  }
}

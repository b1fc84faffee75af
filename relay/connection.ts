import type { Duplex } from "node:stream";
import { DecodeError } from "../foundation/bytes.ts";
import { Failure, storageFailure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import { BlobWriting } from "./blob-writing.ts";
import { type CommandContext, type RelayState, type Routes } from "./command/context.ts";
import { dispatch } from "./command/dispatch.ts";
import { CoverTraffic } from "./cover-traffic.ts";
import type { Guest } from "./doorkeeper.ts";
import { Outflow } from "./outflow.ts";
import { Pusher } from "./pusher.ts";
import type { Done, Ok, RefusalReason } from "./wire/answer.ts";
import { BLOB_DATA_MAX, type BlobData } from "./wire/blob.ts";
import { BlockSplitter } from "./wire/block.ts";
import { CarriedStream } from "./wire/carried-stream.ts";
import type { Carried, Carry } from "./wire/forward.ts";
import { type Answer, type Command, type Push, toClient, toRelay } from "./wire/frame.ts";
import { BLOB_VERSION, DONE_VERSION, type Hello, PROTOCOL_VERSIONS, type Versions } from "./wire/handshake.ts";

/** Refusals by which a client has shown that it holds no key or token for what it asked. */
const WITHOUT_KEY: readonly RefusalReason[] = [
  "no-queue",
  "no-slot",
  "no-blob",
  "forbidden",
  "not-subscribed",
  "burned",
  "expired",
];

/** A stream to somebody, and the bytes that only its two ends know. */
export interface ClientStream {
  readonly stream: Duplex;
  /** EXPORTER_SIZE bytes; signatures over them are worthless on any other stream. */
  readonly exporter: Buffer;
}

export interface ConnectionOptions {
  readonly guest: Guest;
  readonly logger: Logger;
  /** Called once. */
  readonly onClose: (connection: Connection) => void;
  readonly routes?: Routes;
}

/**
 * One client's connection, from the relay's list of versions to its end. Commands are carried out as they come, many
 * at once; answers go out as each is done. A client that breaks the protocol is disconnected without a word.
 */
export class Connection {
  readonly #socket: Duplex;
  readonly #state: RelayState;
  readonly #logger: Logger;
  readonly #guest: Guest;
  readonly #context: CommandContext;
  readonly #splitter = new BlockSplitter();
  readonly #cover: CoverTraffic;
  readonly #outflow: Outflow;
  readonly #cancelHandshake: () => void;
  /** Milliseconds since 1970, as is #since. */
  #lastHeard: number;
  readonly #since: number;
  /** Of the protocol, that the client chose; undefined until it did. */
  #version: number | undefined;
  #unanswered = 0;
  #corked = false;
  /** Commands of this turn that were done, and whose clients do not know it yet. */
  #done: number[] = [];
  /** Set while the client is too fast and nothing is read from it. */
  #endRest: (() => void) | undefined;
  #restUntil = 0;

  /** Once it is set, the connection serves this stream alone. */
  #carried: CarriedStream | undefined;
  #carriedFull = false;
  #forwarding = false;

  /** A stream of bytes whose other end is known to be one client. */
  constructor(
    { stream: socket, exporter }: ClientStream,
    state: RelayState,
    { guest, logger, onClose, routes }: ConnectionOptions,
  ) {
    this.#socket = socket;
    this.#state = state;
    this.#logger = logger;
    this.#guest = guest;
    this.#since = state.clock.now();
    this.#lastHeard = this.#since;
    const pusher = new Pusher({
      queues: state.store.queues,
      limits: state.limits,
      write: (push) => {
        if (push.kind === "message") state.counters.add("cells_sent");
        return this.#write(0, push);
      },
      fail: (error) => this.#fail("pushing failed", error),
    });
    const writing = new BlobWriting(state.store.blobs);
    this.#outflow = new Outflow(() => socket.destroyed || socket.writableLength <= state.limits.unsent);
    this.#cover = new CoverTraffic(state.clock, (block) => void socket.write(block));
    this.#context = { ...state, exporter, pusher, writing, cover: this.#cover, routes, carry: () => this.#carry() };
    this.#cancelHandshake = state.clock.after(state.limits.handshakeTimeout, () => {
      if (this.#version === undefined) socket.destroy();
    });
    socket.on("data", (piece: Buffer) => this.#receive(piece));
    socket.on("drain", () => this.#drained());
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      this.#close();
      onClose(this);
    });
    this.#write(0, { kind: "versions", versions: PROTOCOL_VERSIONS });
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends it where the client fell silent, or is still a stranger. */
  dropIfIdle(now: number): void {
    const { idleTimeout, strangerTimeout, pacedTimeout } = this.#state.limits;
    // Its blocks are minutes apart, the first one too. As a stranger it makes room when others come.
    if (this.#cover.paced) {
      if (this.#lastHeard < now - pacedTimeout) this.destroy();
      return;
    }
    const stranger = !this.#guest.proven && this.#since <= now - strangerTimeout;
    if (stranger || this.#lastHeard < now - idleTimeout) this.destroy();
  }

  #receive(piece: Buffer): void {
    this.#lastHeard = this.#state.clock.now();
    let rest = 0;
    try {
      for (const block of this.#splitter.push(piece)) {
        if (this.#socket.destroyed) return;
        // Before it is looked at: what it is must not show in when the answer goes.
        if (this.#cover.paced && this.#cover.answer()) this.#context.pusher.resume();
        const { correlation, message } = toRelay.decode(block);
        rest = Math.max(rest, this.#guest.commanded(this.#costOf(message)));
        this.#take(correlation, message);
      }
    } catch (error) {
      if (!(error instanceof DecodeError)) this.#logger("error", "relay connection failed", { cause: String(error) });
      this.#socket.destroy();
    }
    this.#rest(rest);
    this.#regulate();
  }

  #take(correlation: number, message: Command | Hello | Carry): void {
    if (message.kind === "carry" && this.#carried !== undefined) {
      this.#carriedFull = !this.#carried.receive(Buffer.from(message.bytes));
    } else if (message.kind === "hello" && this.#version === undefined && PROTOCOL_VERSIONS.includes(message.version)) {
      this.#version = message.version;
    } else if (message.kind !== "carry" && message.kind !== "hello" && this.#mayCommand(message)) {
      if (message.kind === "blob-read") void this.#outflow.run(() => this.#execute(correlation, message));
      else void this.#execute(correlation, message);
    } else this.#socket.destroy();
  }

  /** As how many commands a message counts. What is written of a blob is bounded by the blob. */
  #costOf(message: Command | Hello | Carry): number {
    if (message.kind === "blob-write") return this.#context.writing.takes(message) ? 0 : 1;
    return message.kind === "blob-read" ? Math.ceil(message.length / BLOB_DATA_MAX / 16) : 1;
  }

  #mayCommand({ kind }: Command): boolean {
    if (this.#version === undefined || this.#carried !== undefined) return false;
    return this.#version >= BLOB_VERSION || !kind.startsWith("blob-");
  }

  #carry(): CarriedStream {
    this.#carried ??= new CarriedStream({
      send: (bytes) => this.#write(0, { kind: "carried", bytes }),
      hungry: () => {
        this.#carriedFull = false;
        this.#regulate();
      },
      ended: () => void this.#socket.destroy(),
    });
    return this.#carried;
  }

  async #execute(correlation: number, command: Command): Promise<void> {
    this.#unanswered++;
    if (command.kind === "forward") {
      // One at a time: a client has no use for two, and somebody who looks for open ports would like many.
      if (this.#forwarding) return void this.#socket.destroy();
      this.#forwarding = true;
    }
    try {
      this.#state.counters.add("commands");
      const outcome = await dispatch(command, this.#context);
      if (outcome !== undefined) this.#judge(command, outcome.answer);
      if (this.#socket.destroyed) outcome?.abandoned?.();
      if (outcome === undefined || this.#socket.destroyed) return;
      for (const part of outcome.parts ?? []) this.#write(correlation, part);
      this.#write(correlation, outcome.answer);
      outcome.afterwards?.();
    } catch (error) {
      this.#state.counters.add("storage_failures");
      const failure = storageFailure(error);
      if (failure instanceof Failure) this.#logger("warn", "relay cannot store", { reason: failure.code });
      else this.#logger("error", "relay command failed", { command: command.kind, cause: String(error) });
      this.#write(correlation, { kind: "refused", reason: "retry" });
    } finally {
      if (command.kind === "forward") this.#forwarding = false;
      this.#unanswered--;
      this.#regulate();
    }
  }

  /** Takes note of whether the client has business here. */
  #judge(command: Command, answer: Answer): void {
    const refusal = answer.kind === "refused" ? answer.reason : undefined;
    if (refusal !== undefined) this.#state.counters.add("refusals");
    // A try to get to another relay costs a connection to there, whatever comes of it.
    const costly = refusal !== undefined && (command.kind === "forward" || WITHOUT_KEY.includes(refusal));
    if (costly) this.#rest(this.#guest.refused());
    else if (command.kind !== "ping" && command.kind !== "tunnel") this.#guest.prove();
  }

  /** Reads nothing from the client for so long, or longer if that was said before. */
  #rest(milliseconds: number): void {
    const until = this.#state.clock.now() + milliseconds;
    if (milliseconds === 0 || this.#socket.destroyed || until <= this.#restUntil) return;
    this.#endRest?.();
    this.#restUntil = until;
    this.#endRest = this.#state.clock.after(milliseconds, () => {
      this.#endRest = undefined;
      this.#restUntil = 0;
      this.#regulate();
    });
  }

  /** Reads from the client only while it is not too far ahead of its answers. */
  #regulate(): void {
    const { unanswered, unsent } = this.#state.limits;
    const behind =
      this.#endRest !== undefined ||
      this.#carriedFull ||
      this.#unanswered >= unanswered ||
      this.#socket.writableLength > unsent;
    if (behind && !this.#socket.isPaused()) this.#socket.pause();
    if (!behind && this.#socket.isPaused()) this.#socket.resume();
  }

  /** False once so much waits in the socket that pushing should pause. Blocks of one turn leave in one write. */
  #write(correlation: number, message: Versions | Push | Answer | BlobData | Carried): boolean {
    if (this.#socket.destroyed) return false;
    if (this.#cover.paced) return this.#cover.keep(toClient.encode(correlation, message));
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        if (!this.#socket.destroyed) this.#tellDone();
        this.#socket.uncork();
      });
    }
    if (message.kind === "ok" && (this.#version ?? 0) >= DONE_VERSION) this.#done.push(correlation);
    else {
      this.#tellDone();
      this.#socket.write(toClient.encode(correlation, message));
    }
    return this.#socket.writableLength <= this.#state.limits.unsent;
  }

  /** One block for all of them, before anything else is said. */
  #tellDone(): void {
    const [first, second] = this.#done;
    if (first === undefined) return;
    const answer: Ok | Done = second === undefined ? { kind: "ok" } : { kind: "done", correlations: this.#done };
    this.#socket.write(toClient.encode(answer.kind === "ok" ? first : 0, answer));
    this.#done = [];
  }

  #drained(): void {
    this.#context.pusher.resume();
    this.#carried?.drained();
    this.#outflow.resume();
    this.#regulate();
  }

  #fail(event: string, error: unknown): void {
    this.#logger("error", event, { cause: String(error) });
    this.#socket.destroy();
  }

  #close(): void {
    this.#cancelHandshake();
    this.#endRest?.();
    this.#carried?.destroy();
    this.#outflow.resume();
    this.#cover.close();
    this.#guest.leave();
    this.#context.pusher.close();
    for (const reading of this.#context.pusher.readings) this.#state.readers.end(reading);
  }
}

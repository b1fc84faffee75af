import { connect, type TLSSocket } from "node:tls";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { BlockSplitter } from "../../relay/wire/block.ts";
import type { Carry } from "../../relay/wire/forward.ts";
import { type Answer, type Command, type Push, toClient, toRelay } from "../../relay/wire/frame.ts";
import { macOfSend, publicKeyOf, signCommand, signingKey } from "../../relay/wire/proof.ts";
import { subscribeFields } from "../../relay/wire/subscribe.ts";
import type { TestQueue } from "./fixtures.ts";

/** Speaks the protocol block by block, rightly or wrongly, as a test wants it. */
export class RawClient {
  readonly socket: TLSSocket;
  readonly exporter: Buffer;
  readonly #splitter = new BlockSplitter();
  readonly #answers = new Map<number, (answer: Answer) => void>();
  readonly #pushes: Push[] = [];
  readonly #parts: Buffer[] = [];
  readonly #waiting: ((push: Push) => void)[] = [];
  readonly closed: Promise<void>;
  #correlation = 0;

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setNoDelay(true);
    this.exporter = socket.exportKeyingMaterial(32, "EXPORTER-postern-relay-1", Buffer.alloc(0));
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => socket.destroy());
    socket.on("data", (piece: Buffer) => {
      for (const block of this.#splitter.push(piece)) {
        const { correlation, message } = toClient.decode(block);
        if (message.kind === "versions" || message.kind === "carried" || message.kind === "filler") continue;
        if (message.kind === "blob-data") {
          this.#parts.push(message.bytes);
          continue;
        }
        if (message.kind === "message" || message.kind === "ended") {
          const next = this.#waiting.shift();
          if (next === undefined) this.#pushes.push(message);
          else next(message);
        } else if (message.kind === "done") {
          for (const one of message.correlations) this.#answer(one, { kind: "ok" });
        } else this.#answer(correlation, message);
      }
    });
  }

  #answer(correlation: number, message: Answer): void {
    this.#answers.get(correlation)?.(message);
    this.#answers.delete(correlation);
  }

  static async connect(relay: RelayAddress, version = 1): Promise<RawClient> {
    const client = await RawClient.connectSilently(relay);
    client.socket.write(toRelay.encode(0, { kind: "hello", version }));
    return client;
  }

  /** Says nothing yet. */
  static connectSilently(relay: RelayAddress): Promise<RawClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: relay.host, port: relay.port, rejectUnauthorized: false, minVersion: "TLSv1.3" });
      socket.once("error", reject);
      socket.once("secureConnect", () => resolve(new RawClient(socket)));
    });
  }

  call(command: Command): Promise<Answer> {
    const correlation = ++this.#correlation;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#answers.set(correlation, resolve);
      void this.closed.then(() => reject(new Error("disconnected")));
    });
    this.socket.write(toRelay.encode(correlation, command));
    return answer;
  }

  tell(command: Command | Carry): void {
    this.socket.write(toRelay.encode(0, command));
  }

  push(): Promise<Push> {
    const push = this.#pushes.shift();
    return push === undefined ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve(push);
  }

  /** Octets of blobs that came since the last call. */
  blobOctets(): Buffer {
    return Buffer.concat(this.#parts.splice(0));
  }

  /** What was pushed and not asked for yet, after everything that the relay sent before its answer to a ping. */
  async pushedSoFar(): Promise<Push[]> {
    await this.call({ kind: "ping" });
    return this.#pushes.splice(0);
  }

  create(queue: TestQueue, token: Buffer): Promise<Answer> {
    const { recipientId, senderId, senderKey } = queue;
    const recipientKey = publicKeyOf(signingKey(queue.recipientSeed));
    return this.call({ kind: "create", token, recipientId, senderId, recipientKey, senderKey });
  }

  send(queue: TestQueue, cell: Buffer): Promise<Answer> {
    const mac = macOfSend(queue.senderKey, this.exporter, queue.senderId, cell);
    return this.call({ kind: "send", senderId: queue.senderId, mac, cell });
  }

  subscribe(queue: TestQueue, credit: number, after = 0): Promise<Answer> {
    const { recipientId } = queue;
    const fields = subscribeFields(recipientId, after, credit);
    const signature = signCommand(signingKey(queue.recipientSeed), "SUBSCRIBE", this.exporter, fields);
    return this.call({ kind: "subscribe", recipientId, after, credit, signature });
  }

  acknowledge(queue: TestQueue, first: number, last: number): Promise<Answer> {
    return this.call({ kind: "acknowledge", recipientId: queue.recipientId, ranges: [{ first, last }] });
  }

  delete(queue: TestQueue): Promise<Answer> {
    const { recipientId } = queue;
    const signature = signCommand(signingKey(queue.recipientSeed), "DELETE", this.exporter, recipientId);
    return this.call({ kind: "delete", recipientId, signature });
  }

  claim(slotId: Buffer, claimSeed: Buffer): Promise<Answer> {
    const key = signingKey(claimSeed);
    const claimKey = publicKeyOf(key);
    const signature = signCommand(key, "SLOT_CLAIM", this.exporter, Buffer.concat([slotId, claimKey]));
    return this.call({ kind: "slot-claim", slotId, claimKey, signature });
  }

  status(slotId: Buffer, ownerSeed: Buffer): Promise<Answer> {
    const signature = signCommand(signingKey(ownerSeed), "SLOT_STATUS", this.exporter, slotId);
    return this.call({ kind: "slot-status", slotId, signature });
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }
}

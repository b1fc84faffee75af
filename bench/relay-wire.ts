/** The relay's protocol without the overlay's bookkeeping, so that the measuring side costs as little as it can. */
import { connect, type TLSSocket } from "node:tls";
import type { RelayAddress } from "../relay/relay-url.ts";
import { BlockSplitter } from "../relay/wire/block.ts";
import { type Answer, type Command, toClient, toRelay } from "../relay/wire/frame.ts";
import { DONE_VERSION } from "../relay/wire/handshake.ts";
import { macOfSend, publicKeyOf, signCommand, signingKey } from "../relay/wire/proof.ts";
import { EXPORTER_LABEL, EXPORTER_SIZE } from "../relay/wire/size.ts";
import { subscribeFields } from "../relay/wire/subscribe.ts";

export interface BenchQueue {
  readonly recipientId: Buffer;
  readonly recipientSeed: Buffer;
  readonly senderId: Buffer;
  readonly senderKey: Buffer;
}

export class WireClient {
  readonly #socket: TLSSocket;
  readonly #exporter: Buffer;
  readonly #answers = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  #correlation = 0;
  #closing = false;
  /** Called with the number of each cell that is pushed. */
  onCell: (seq: number) => void = () => undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#exporter = socket.exportKeyingMaterial(EXPORTER_SIZE, EXPORTER_LABEL, Buffer.alloc(0));
    const splitter = new BlockSplitter();
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => {
      if (!this.#closing)
        for (const { reject } of this.#answers.values()) reject(new Error("the relay closed the connection"));
    });
    socket.on("data", (piece: Buffer) => {
      for (const block of splitter.push(piece)) {
        const { correlation, message } = toClient.decode(block);
        if (message.kind === "message") this.onCell(message.seq);
        else if (message.kind === "done") for (const one of message.correlations) this.#settle(one, { kind: "ok" });
        else if (!["versions", "ended", "carried", "filler"].includes(message.kind)) {
          this.#settle(correlation, message as Answer);
        }
      }
    });
    socket.write(toRelay.encode(0, { kind: "hello", version: DONE_VERSION }));
  }

  #settle(correlation: number, answer: Answer): void {
    this.#answers.get(correlation)?.resolve(answer);
    this.#answers.delete(correlation);
  }

  static connect({ host, port }: RelayAddress): Promise<WireClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port, rejectUnauthorized: false, minVersion: "TLSv1.3" });
      socket.once("error", reject);
      socket.once("secureConnect", () => resolve(new WireClient(socket)));
    });
  }

  /** @throws Error where the relay refuses */
  async call(command: Command): Promise<Answer> {
    const correlation = ++this.#correlation;
    const answer = await new Promise<Answer>((resolve, reject) => {
      this.#answers.set(correlation, { resolve, reject });
      this.#socket.write(toRelay.encode(correlation, command));
    });
    if (answer.kind === "refused") throw new Error(`the relay refused ${command.kind}: ${answer.reason}`);
    return answer;
  }

  create(queue: BenchQueue, token: Buffer): Promise<Answer> {
    const { recipientId, senderId, senderKey } = queue;
    const recipientKey = publicKeyOf(signingKey(queue.recipientSeed));
    return this.call({ kind: "create", token, recipientId, senderId, recipientKey, senderKey });
  }

  send({ senderId, senderKey }: BenchQueue, cell: Buffer): Promise<Answer> {
    return this.call({ kind: "send", senderId, mac: macOfSend(senderKey, this.#exporter, senderId, cell), cell });
  }

  subscribe({ recipientId, recipientSeed }: BenchQueue, credit: number): Promise<Answer> {
    const fields = subscribeFields(recipientId, 0, credit);
    const signature = signCommand(signingKey(recipientSeed), "SUBSCRIBE", this.#exporter, fields);
    return this.call({ kind: "subscribe", recipientId, after: 0, credit, signature });
  }

  acknowledge({ recipientId }: BenchQueue, first: number, last: number): Promise<Answer> {
    return this.call({ kind: "acknowledge", recipientId, ranges: [{ first, last }] });
  }

  /** What is under way is given up. */
  close(): void {
    this.#closing = true;
    this.#socket.destroy();
  }
}

import type { Clock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import { MAX_RANGES, toRanges } from "../../relay/wire/acknowledge.ts";
import { signCommand, signingKey } from "../../relay/wire/proof.ts";
import { subscribeFields } from "../../relay/wire/subscribe.ts";
import type { QueueReader, Subscriber, Subscription, SubscriptionEnd } from "./relay-client.ts";
import type { RelayConnection } from "./relay-connection.ts";
import { REFUSED_PAUSE } from "./relay-limits.ts";

interface Acknowledgement {
  readonly seqs: readonly number[];
  readonly resolve: () => void;
  readonly reject: (reason: Failure) => void;
}

/**
 * One queue as it is read, over however many connections: where it stands, what credit is out, what is to be
 * acknowledged. The relay's own bookkeeping ends with each connection and is set up again from here.
 */
export class RelaySubscription implements Subscription {
  readonly recipientId: Buffer;
  readonly #key: ReturnType<typeof signingKey>;
  readonly #subscriber: Subscriber;
  readonly #clock: Clock;
  readonly #onClose: (subscription: RelaySubscription) => void;
  /** The last seq that came. */
  #after = 0;
  /** How many more cells the relay may push, as it knows. */
  #credit = 0;
  /** Credit that it was not told of yet. */
  #untold: number;
  /** Set while the relay knows this connection as the reader. */
  #live: RelayConnection | undefined;
  #acknowledgements: Acknowledgement[] = [];
  #acknowledging = false;
  #ended: Failure | undefined;
  #cancelRetry: () => void = () => undefined;
  #endPause: () => void = () => undefined;

  constructor(
    queue: QueueReader,
    subscriber: Subscriber,
    clock: Clock,
    onClose: (subscription: RelaySubscription) => void,
  ) {
    this.recipientId = Buffer.from(queue.recipientId);
    this.#key = signingKey(queue.recipientSeed);
    this.#subscriber = subscriber;
    this.#clock = clock;
    this.#onClose = onClose;
    this.#untold = subscriber.credit;
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Subscribes on a connection that has just come to stand. */
  attach(connection: RelayConnection): void {
    void this.#subscribe(connection);
  }

  /** The connection is gone; the next one takes up where it stood. */
  detach(): void {
    this.#cancelRetry();
    this.#endPause();
    this.#live = undefined;
    this.#untold += this.#credit;
    this.#credit = 0;
  }

  /** A cell of this queue was pushed. */
  receive(seq: number, cell: Buffer): void {
    // Until the relay has answered SUBSCRIBE, what comes is still owed to an earlier subscription on this connection.
    if (this.#live === undefined) return;
    // Credit bounds what the subscriber holds in memory, whatever the relay would like it to hold.
    if (this.#credit <= 0) return this.#live.close();
    this.#after = seq;
    this.#credit--;
    this.#subscriber.onCell(seq, cell);
    this.#tellCredit();
  }

  end(end: SubscriptionEnd): void {
    if (this.ended) return;
    const why = end === "gone" ? "the queue was deleted" : "another program reads this queue now";
    this.#finish(new Failure("nonexistent", why));
    this.#subscriber.onEnd?.(end);
  }

  credit(count: number): void {
    this.#untold += count;
    this.#tellCredit();
  }

  acknowledge(seqs: readonly number[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      if (seqs.length === 0) return resolve();
      this.#acknowledgements.push({ seqs, resolve, reject });
      void this.#acknowledge();
    });
  }

  close(): void {
    this.#finish(new Failure("unavailable", "the subscription was closed"));
  }

  async #subscribe(connection: RelayConnection): Promise<void> {
    const credit = this.#untold;
    this.#untold = 0;
    this.#credit = credit;
    const { recipientId } = this;
    const after = this.#after;
    const fields = subscribeFields(recipientId, after, credit);
    try {
      const answer = await connection.request(
        (exporter) => {
          const signature = signCommand(this.#key, "SUBSCRIBE", exporter, fields);
          return { kind: "subscribe", recipientId, after, credit, signature };
        },
        (answered) => {
          if (answered.kind === "subscribed" && !this.ended) this.#live = connection;
        },
      );
      if (this.ended) return;
      if (answer.kind === "subscribed") {
        this.#tellCredit();
        void this.#acknowledge();
      } else if (answer.kind === "refused" && answer.reason === "no-queue") this.end("gone");
      else {
        this.detach();
        this.#cancelRetry = this.#clock.after(REFUSED_PAUSE, () => this.attach(connection));
      }
    } catch {
      // The connection broke: detach() was or will be called, and the next connection subscribes again.
    }
  }

  /** Each CREDIT costs a block, so it waits until the relay has used up half; that is before it ever has to pause. */
  #tellCredit(): void {
    if (this.#live === undefined || this.#untold === 0 || this.#untold < this.#credit) return;
    const count = this.#untold;
    this.#untold = 0;
    this.#credit += count;
    this.#live.tell({ kind: "credit", recipientId: this.recipientId, count });
  }

  /** One ACK at a time; what is handed in meanwhile goes into the next. */
  async #acknowledge(): Promise<void> {
    if (this.#acknowledging) return;
    this.#acknowledging = true;
    try {
      while (this.#live !== undefined && this.#acknowledgements.length > 0) {
        const taken = this.#acknowledgements;
        this.#acknowledgements = [];
        if (await this.#acknowledgeAll(this.#live, taken)) for (const { resolve } of taken) resolve();
        else if (this.#ended !== undefined) for (const { reject } of taken) reject(this.#ended);
        else this.#acknowledgements = [...taken, ...this.#acknowledgements];
      }
    } finally {
      this.#acknowledging = false;
    }
  }

  /** False where it did not work out on this connection. */
  async #acknowledgeAll(connection: RelayConnection, taken: readonly Acknowledgement[]): Promise<boolean> {
    const ranges = toRanges(taken.flatMap(({ seqs }) => seqs));
    try {
      for (let start = 0; start < ranges.length; start += MAX_RANGES) {
        const part = ranges.slice(start, start + MAX_RANGES);
        const answer = await connection.request(() => ({
          kind: "acknowledge",
          recipientId: this.recipientId,
          ranges: part,
        }));
        if (answer.kind !== "ok") return await this.#pause();
      }
      return true;
    } catch {
      return false;
    }
  }

  #pause(): Promise<false> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(REFUSED_PAUSE, () => resolve(false));
      this.#endPause = () => {
        cancel();
        resolve(false);
      };
    });
  }

  #finish(reason: Failure): void {
    if (this.#ended !== undefined) return;
    this.#ended = reason;
    this.detach();
    for (const { reject } of this.#acknowledgements) reject(reason);
    this.#acknowledgements = [];
    this.#onClose(this);
  }
}

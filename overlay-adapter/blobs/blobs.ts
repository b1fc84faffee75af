import type { AddressLabel } from "../../foundation/address.ts";
import type { OverlayEvent } from "../events.ts";
import { READS_BLOBS } from "../letters/letter-header.ts";
import type { OutgoingLetter } from "../letters/outbox.ts";
import { encodeControl } from "../sessions/control.ts";
import type { Worker } from "../worker.ts";
import type { Workforce } from "../workforce.ts";
import { BlobDevices } from "./blob-devices.ts";
import { IncomingBlobs, type IncomingBlobsOptions } from "./incoming-blobs.ts";
import { OutgoingBlobs, type OutgoingBlobsOptions } from "./outgoing-blobs.ts";

export interface BlobsOptions
  extends Omit<OutgoingBlobsOptions, "devices" | "sends">,
    Omit<IncomingBlobsOptions, "fetches" | "wake"> {
  /** Undefined: large letters travel as cells alone, both ways. */
  readonly policy: { readonly send: boolean } | undefined;
  /** Scheduled mode: what is done on a connection must not show, so nothing travels as a blob. */
  readonly paced: boolean;
  readonly work: Workforce;
  readonly emit: (event: OverlayEvent) => void;
}

/** Large letters as blobs, both ways, with a worker for each that goes on until it is done. */
export class Blobs {
  readonly devices: BlobDevices;
  readonly outgoing: OutgoingBlobs;
  readonly incoming: IncomingBlobs;
  readonly #o: BlobsOptions;
  readonly #reads: boolean;

  constructor(options: BlobsOptions) {
    this.#o = options;
    this.#reads = options.policy !== undefined && !options.paced;
    this.devices = new BlobDevices(options.db);
    const sends = this.#reads && options.policy?.send === true;
    this.outgoing = new OutgoingBlobs({ ...options, devices: this.devices, sends });
    this.incoming = new IncomingBlobs({
      ...options,
      fetches: this.#reads,
      wake: (id) => this.#fetcher(id).wake(),
    });
  }

  /** Flags of every letter's header. */
  get flags(): number {
    return this.#reads ? READS_BLOBS : 0;
  }

  /** Contents of control letters that follow a hello, for a host who may want to send a large letter at once. */
  afterHello(): readonly Buffer[] {
    return this.#reads ? [encodeControl({ kind: "abilities" })] : [];
  }

  /** A letter was put into the outbox; in that transaction. */
  enqueued(letter: OutgoingLetter, labels: readonly AddressLabel[]): void {
    const { db, work } = this.#o;
    if (!this.outgoing.plan(letter, labels)) return;
    db.afterCommit(() => {
      if (work.started) this.#uploader(letter.letter).wake();
    });
  }

  /** A contact could not read the blob of a letter: it goes again, as cells. In the transaction that records the contact's letter. */
  failed(to: AddressLabel, letter: Buffer): void {
    const { db, emit, wakeSender } = this.#o;
    const outcome = this.outgoing.failed(letter, to);
    if (outcome === "lost") db.afterSync(() => emit({ kind: "failed", letter, to, reason: "lost" }));
    db.afterCommit(() => wakeSender(to));
  }

  /** The contact is gone; in the caller's transaction. */
  forget(label: AddressLabel): void {
    this.outgoing.forget(label);
    this.incoming.forget(label);
    this.devices.forget(label);
  }

  /** Goes on with all that is under way. */
  resume(): void {
    for (const letter of this.outgoing.open()) this.#uploader(letter).wake();
    for (const id of this.incoming.open()) this.#fetcher(id).wake();
  }

  /** What is being fetched ends at once. */
  stop(): void {
    this.incoming.stop();
  }

  #uploader(letter: Buffer): Worker {
    const key = `upload ${letter.toString("hex")}` as const;
    return this.#o.work.worker(key, () => async () => {
      const result = await this.outgoing.step(letter);
      if (!this.outgoing.isOpen(letter)) this.#o.work.dismiss(key);
      return result;
    });
  }

  #fetcher(id: number): Worker {
    const key = `fetch ${id}` as const;
    return this.#o.work.worker(key, () => async () => {
      const result = await this.incoming.step(id);
      if (!this.incoming.isOpen(id)) this.#o.work.dismiss(key);
      return result;
    });
  }
}

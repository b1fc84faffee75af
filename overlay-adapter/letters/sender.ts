import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { KeyedMutex } from "../../foundation/mutex.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import { SessionFailure } from "../../keyring/device-sessions.ts";
import { sealReference } from "../blobs/blob-reference.ts";
import type { OutgoingBlobs } from "../blobs/outgoing-blobs.ts";
import type { LetterFailure, OverlayEvent, WaitReason } from "../events.ts";
import {
  BATCH_LETTERS,
  CONTACT_WINDOW,
  FIRST_CELL_SLOTS,
  SESSION_MARGIN,
  SLOTS_PER_CELL,
  STEP_CELLS,
} from "../limits.ts";
import { encodeInnerCell, type Slot } from "../queues/cell.ts";
import { sealCell } from "../queues/cell-seal.ts";
import type { QueueAddress } from "../queues/queue-address.ts";
import type { Queues } from "../queues/queues.ts";
import type { RelayClient, SendOutcome } from "../relay-client/relay-client.ts";
import { markedBytes } from "../sessions/renewal.ts";
import type { Renewals } from "../sessions/renewals.ts";
import { Window } from "../window.ts";
import type { StepResult } from "../worker.ts";
import type { ChainEnd, Chains } from "./chain.ts";
import { paddedCells } from "./letter-content.ts";
import { encodeLetterHeader, headerHash, IN_BLOB, letterCommitment, NO_RECEIPT } from "./letter-header.ts";
import type { Delivery, Outbox, OutgoingLetter } from "./outbox.ts";
import type { SentDelivery, SentLetters } from "./sent-letters.ts";
import type { Spool } from "./spool.ts";

export interface SenderOptions {
  readonly db: Database;
  readonly own: AddressLabel;
  readonly contacts: Contacts;
  readonly device: Device;
  readonly outbox: Outbox;
  readonly spool: Spool;
  readonly queues: Queues;
  readonly chains: Chains;
  readonly client: RelayClient;
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  /** Shared by all contacts. */
  readonly window: Window;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: (length: number) => Buffer;
  readonly emit: (event: OverlayEvent) => void;
  /** False while the hello to this contact has not gone out: its queue takes nothing before that. */
  readonly ready: (label: AddressLabel) => boolean;
  readonly stopping: () => boolean;
  readonly renewals: Renewals;
  readonly sent: SentLetters;
  readonly blobs: OutgoingBlobs;
  /** Flags of every letter's header, beside its own. */
  readonly flags: number;
  /** Hash of the own account state. */
  readonly stateHash: () => Buffer;
}

/** A delivery whose ratchet messages are on disk. */
type Encrypted = Delivery & { readonly tag: Buffer; readonly slots: readonly Slot[] };

/** One that is to be sent now, with its letter. */
type Outgoing = Encrypted & { readonly content: OutgoingLetter };

/** How far the relay has taken a delivery's cells. */
interface Progress {
  readonly delivery: Encrypted;
  readonly total: number;
  /** By cell, from the first that was not accepted before. */
  readonly outcomes: (SendOutcome | "unavailable" | undefined)[];
}

/** Takes one contact's letters from the outbox to the relay, in order. */
export class ContactSender {
  readonly #o: SenderOptions;
  readonly #label: AddressLabel;
  readonly #window = new Window(CONTACT_WINDOW);
  /** The last try since the start did not get through. Before one, no letter expires: the machine may have been off for days. */
  #inVain = false;
  #waitsFor: WaitReason | undefined;

  constructor(options: SenderOptions, label: AddressLabel) {
    this.#o = options;
    this.#label = label;
  }

  /** What the letters wait for, as far as the last try has shown. */
  get waitsFor(): WaitReason | undefined {
    return this.#waitsFor;
  }

  /** Sends the next letters; one call is one batch. */
  async step(): Promise<StepResult> {
    const result = await this.#next();
    this.#inVain = result === "later";
    return result;
  }

  async #next(): Promise<StepResult> {
    const { outbox, clock } = this.#o;
    if (!this.#o.ready(this.#label)) return "idle";
    const refusal = this.#refusal();
    if (refusal !== undefined) {
      const open = outbox.open(this.#label);
      return open.length === 0 ? "idle" : this.#fail(open, refusal);
    }
    const renewed = await this.#renew();
    if (renewed !== undefined) return renewed;
    const batch = this.#batch();
    if (batch.length === 0) return "idle";
    const expired = this.#inVain ? batch.filter((delivery) => outbox.expired(delivery, clock.now())) : [];
    if (expired.length > 0) {
      const reachable = this.#o.device.sessionDevices(this.#label).length > 0;
      return this.#fail(expired, reachable ? "expired" : "no-session");
    }
    const address = this.#o.queues.contact(this.#label);
    if (address === undefined) return this.#fail(outbox.open(this.#label), "refused");
    try {
      const encrypted = await this.#encrypt(batch);
      if (encrypted === "no-session" || encrypted === "unanswered") {
        this.#o.renewals.needSession(this.#label);
        this.#waitsFor = "session";
        return "later";
      }
      return await this.#send(address, encrypted);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#o.logger("info", "sending-paused", { code: error.code });
      this.#waitsFor ??= "relay";
      return "later";
    }
  }

  /** A renewal goes before the letters, which the contact may not open without it. */
  async #renew(): Promise<"later" | undefined> {
    const address = this.#o.queues.contact(this.#label);
    if (address === undefined) return undefined;
    try {
      return (await this.#o.renewals.deliver(this.#label, address)) === "full" ? "later" : undefined;
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#o.logger("info", "sending-paused", { code: error.code });
      return "later";
    }
  }

  /** The next letters, as many as the contact's devices have room for; without room, those that ask for no receipt. */
  #batch(): Delivery[] {
    const { outbox, device } = this.#o;
    const devices = device.sessionDevices(this.#label);
    let room = Math.min(...devices.map((id) => outbox.unreceipted.room(this.#label, id)));
    const next = outbox.next(this.#label, BATCH_LETTERS);
    const full = next.findIndex((one) => !isEncrypted(one) && (one.flags & NO_RECEIPT) === 0 && room-- <= 0);
    this.#waitsFor = full < 0 ? undefined : "receipts";
    if (full === 0) return outbox.nextUnanswered(this.#label, BATCH_LETTERS);
    return full < 0 ? next : next.slice(0, full);
  }

  #refusal(): LetterFailure | undefined {
    if (!this.#o.renewals.active) return "superseded";
    const contact = this.#o.contacts.byLabel(this.#label);
    return contact === undefined || contact.state === "revoked" || contact.state === "frozen" ? "refused" : undefined;
  }

  async #fail(
    deliveries: readonly Pick<Delivery, "id" | "letter" | "label" | "kind">[],
    reason: LetterFailure,
  ): Promise<StepResult> {
    const { db, outbox, clock, spool, emit } = this.#o;
    const files = await db.commit(() => deliveries.map((one) => outbox.setFailed(one, reason, clock.now())));
    for (const { letter, kind } of deliveries)
      if (kind === "mail") emit({ kind: "failed", letter, to: this.#label, reason });
    for (const file of files) if (file !== undefined) await spool.remove(file);
    return "again";
  }

  /** Session state, ratchet messages and the letters' new state in one transaction, under the contact's mutex. */
  async #encrypt(batch: readonly Delivery[]): Promise<Outgoing[] | "no-session" | "unanswered"> {
    if (batch.every(isEncrypted))
      return batch.map((delivery) => ({ ...delivery, content: this.#o.outbox.take(delivery) }));
    const { db, own, contacts, device, outbox, chains, random, sent, stateHash } = this.#o;
    return this.#o.sessions.run(this.#label, async () => {
      const steps = device.sessions(own, (label, id, key) => contacts.isTrustedDevice(label as AddressLabel, id, key));
      const ends = new Map<number, ChainEnd>();
      const now = this.#o.clock.now();
      let unanswered = 0;
      for (const id of device.sessionDevices(this.#label)) {
        if (await steps.isUsable(this.#label, id, now + SESSION_MARGIN)) ends.set(id, chains.sent(this.#label, id));
        else unanswered++;
      }
      if (ends.size === 0 && unanswered > 0) return "unanswered";
      const result: Outgoing[] = [];
      const state = stateHash();
      const added: [SentDelivery, ReadonlyMap<number, ChainEnd>][] = [];
      const asBlob = new Map<Delivery, boolean>();
      for (const delivery of batch) {
        const letter = outbox.take(delivery);
        if (isEncrypted(delivery)) {
          result.push({ ...delivery, content: letter });
          continue;
        }
        const inBlob = this.#o.blobs.isNext(delivery, this.#label);
        asBlob.set(delivery, inBlob);
        const slots: Slot[] = [];
        const places = new Map<number, ChainEnd>();
        for (const [id, end] of ends) {
          const seq = end.seq + 1;
          const mark = device.mark(markedBytes(this.#label, id, seq));
          const header = encodeLetterHeader({
            ...letter,
            flags: letter.flags | this.#o.flags | (inBlob ? IN_BLOB : 0),
            id: letter.letter,
            seq,
            prevHash: end.hash,
            stateHash: state,
            mark,
          });
          const ciphertext = await this.#step(() => steps.encrypt(this.#label, id, header, now));
          if (ciphertext === undefined) {
            ends.delete(id);
            continue;
          }
          const place = { seq, hash: headerHash(header) };
          ends.set(id, place);
          places.set(id, place);
          slots.push({ deviceId: id, ...ciphertext });
        }
        if (slots.length === 0) return "no-session";
        const tag = random(16);
        result.push({ ...delivery, tag, slots, content: letter });
        const awaited = (letter.flags & NO_RECEIPT) === 0;
        added.push([{ ...delivery, delivery: delivery.id, tag, deviceId: device.deviceId, awaited }, places]);
      }
      await db.commit(() => {
        steps.write();
        for (const [id, end] of ends) chains.setSent(this.#label, id, end);
        for (const delivery of result) outbox.setEncrypted(delivery.id, delivery.tag, delivery.slots);
        for (const [delivery, inBlob] of asBlob) this.#o.blobs.setUsed(delivery, this.#label, inBlob);
        for (const [letter, places] of added) sent.add(this.#label, letter, places, now);
      });
      return result;
    });
  }

  /** undefined where this device cannot be written to: its key is not in the pinned account state, or its session is over. */
  async #step<T>(encrypt: () => Promise<T>): Promise<T | undefined> {
    try {
      return await encrypt();
    } catch (error) {
      if (error instanceof SessionFailure) return undefined;
      throw error;
    }
  }

  /** Sends many cells at once, in order; whatever comes after the first that was not accepted is sent again. */
  async #send(address: QueueAddress, batch: readonly Outgoing[]): Promise<StepResult> {
    const { client, random, window } = this.#o;
    const answers: Promise<void>[] = [];
    const progress: Progress[] = [];
    let stop: SendOutcome | "unavailable" | undefined;
    let fault: unknown;
    let damaged = 0;

    const send = async (inner: Buffer, { outcomes }: Progress, at: number): Promise<void> => {
      let outcome: SendOutcome | "unavailable" = "unavailable";
      try {
        const cell = sealCell(address.queueKey, "postern cell 1", inner, random(12));
        outcome = await client.send(address.relay, address, cell);
      } catch (error) {
        if (!(error instanceof Failure)) fault ??= error;
      } finally {
        this.#window.leave();
        window.leave();
      }
      outcomes[at] = outcome;
      if (outcome !== "accepted") stop ??= outcome;
    };

    try {
      sending: for (const delivery of batch) {
        const inBlob = this.#o.blobs.isUsed(delivery, this.#label);
        const total = extraCells(delivery.slots.length) + (inBlob ? 1 : paddedCells(delivery.size));
        const step: Progress = { delivery, total, outcomes: [] };
        progress.push(step);
        try {
          for await (const inner of this.#cells(delivery, inBlob)) {
            if (!this.#window.tryEnter()) await this.#window.enter();
            if (!window.tryEnter()) await window.enter();
            if (stop !== undefined || this.#o.stopping() || answers.length >= STEP_CELLS) {
              this.#window.leave();
              window.leave();
              break sending;
            }
            answers.push(send(inner, step, step.outcomes.push(undefined) - 1));
          }
        } catch (error) {
          // It waits until it expires; those behind it go on.
          if (!(error instanceof Failure) || error.code !== "damaged") throw error;
          this.#o.logger("warn", "outbox-file-damaged");
          damaged++;
        }
      }
    } finally {
      await Promise.all(answers);
      await this.#record(address, progress);
    }
    if (fault !== undefined) throw fault;
    if (stop === "full") this.#waitsFor = "room";
    if (stop === "unavailable") this.#waitsFor = "relay";
    if (stop === undefined) return damaged < batch.length ? "again" : "later";
    if (stop === "gone" && this.#hasMoved(address)) return "again";
    if (stop === "gone") return this.#fail(this.#o.outbox.open(this.#label), "gone");
    return "later";
  }

  /** The insides of the delivery's cells that the relay does not have yet. */
  async *#cells(delivery: Outgoing, inBlob: boolean): AsyncGenerator<Buffer> {
    const { tag, slots, accepted, content: letter } = delivery;
    const extra = extraCells(slots.length);
    const first = slots.slice(0, FIRST_CELL_SLOTS);
    for (let at = accepted; at < extra; at++) {
      const from = FIRST_CELL_SLOTS + at * SLOTS_PER_CELL;
      yield encodeInnerCell({ kind: "slots", tag, slots: slots.slice(from, from + SLOTS_PER_CELL) });
    }
    const head = {
      kind: "letter",
      tag,
      senderDevice: this.#o.device.deviceId,
      slots: first,
      commitment: letterCommitment({ ...letter, id: letter.letter }),
    } as const;
    if (inBlob) return yield encodeInnerCell({ ...head, cells: 1, chunk: this.#reference(delivery) });
    const cells = paddedCells(letter.size);
    let index = Math.max(0, accepted - extra);
    for await (const chunk of this.#o.spool.chunks(letter, index, cells)) {
      if (index === 0) yield encodeInnerCell({ ...head, cells, chunk });
      else yield encodeInnerCell({ kind: "body", tag, index, chunk });
      index++;
    }
  }

  #reference({ letter, tag, content }: Outgoing): Buffer {
    const reference = this.#o.blobs.reference(letter, this.#label);
    if (reference === undefined)
      throw new Failure("unavailable", "the relay that holds the letter's blob is none of ours");
    return sealReference(content.contentKey, tag, reference);
  }

  /** The contact has said meanwhile to write elsewhere. */
  #hasMoved(address: QueueAddress): boolean {
    const now = this.#o.queues.contact(this.#label);
    return now !== undefined && !Buffer.from(now.senderId).equals(address.senderId);
  }

  /** Writes down how many cells the relay has without a gap. */
  async #record(address: QueueAddress, progress: readonly Progress[]): Promise<void> {
    const { db, outbox, clock, emit } = this.#o;
    const done: Delivery[] = [];
    await db.commit(() => {
      const moved = this.#hasMoved(address);
      for (const { delivery, total, outcomes } of progress) {
        const refused = outcomes.findIndex((outcome) => outcome !== "accepted");
        const accepted = delivery.accepted + (refused < 0 ? outcomes.length : refused);
        if (accepted === total) {
          outbox.setRelayed(delivery, clock.now());
          done.push(delivery);
        } else if (accepted > delivery.accepted && !moved) outbox.setAccepted(delivery.id, accepted);
      }
    });
    for (const { kind, letter } of done) if (kind === "mail") emit({ kind: "relayed", letter, to: this.#label });
  }
}

function isEncrypted(delivery: Delivery): delivery is Encrypted {
  return delivery.tag !== undefined && delivery.slots !== undefined;
}

/** Cells of slots before a letter's first cell; as many as a power of two of slots takes, so that devices are not counted. */
function extraCells(slots: number): number {
  if (slots <= FIRST_CELL_SLOTS) return 0;
  let padded = FIRST_CELL_SLOTS;
  while (padded < slots) padded *= 2;
  return Math.ceil((padded - FIRST_CELL_SLOTS) / SLOTS_PER_CELL);
}

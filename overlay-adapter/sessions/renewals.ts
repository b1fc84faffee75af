import type { AddressLabel } from "../../foundation/address.ts";
import { DecodeError, equalConstantTime } from "../../foundation/bytes.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { type KeyedMutex, Mutex } from "../../foundation/mutex.ts";
import type { AccountDevice } from "../../keyring/account-state.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import { bundleDevice } from "../../keyring/device-bundle.ts";
import { type SessionBatch, SessionFailure } from "../../keyring/device-sessions.ts";
import { verifySignature } from "../../keyring/ed25519.ts";
import type { PinOutcome } from "../../keyring/pin.ts";
import type { DropReason, OverlayEvent } from "../events.ts";
import type { Chains } from "../letters/chain.ts";
import type { Ledger } from "../letters/ledger.ts";
import type { Outbox } from "../letters/outbox.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import type { SentLetter, SentLetters } from "../letters/sent-letters.ts";
import type { UnopenedLetters } from "../letters/unopened-letters.ts";
import { COPY_PAUSE } from "../limits.ts";
import type { OverlayIdentity } from "../ports.ts";
import { encodeInnerCell, type InnerCell } from "../queues/cell.ts";
import { sealCell } from "../queues/cell-seal.ts";
import type { QueueAddress } from "../queues/queue-address.ts";
import type { QueueRotation } from "../queues/queue-rotation.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import { encodeControl } from "./control.ts";
import {
  decodeRenewal,
  encodeRenewal,
  markedBytes,
  RENEWAL_QUEUE_CONTEXT,
  type Received,
  type Renewal,
  type SignedQueue,
  signedQueueBytes,
} from "./renewal.ts";
import { RenewalsDue } from "./renewals-due.ts";

export type RenewalCell = Extract<InnerCell, { kind: "renewal" }>;

export interface RenewalsOptions {
  readonly db: Database;
  readonly identity: OverlayIdentity;
  readonly contacts: Contacts;
  readonly device: Device;
  readonly chains: Chains;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly sent: SentLetters;
  readonly unopened: UnopenedLetters;
  readonly client: RelayClient;
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
  readonly emit: (event: OverlayEvent) => void;
  readonly wakeSender: (label: AddressLabel) => void;
  readonly queues: Pick<QueueRotation, "announcement" | "distrust" | "hear" | "makeAnew">;
  /** Looks after a new own queue. */
  readonly read: (queue: number) => void;
  /** A letter with the account state for every contact, in the caller's transaction; none is left untold. */
  readonly tellState: () => void;
  /** Closes the open invites, whose prekeys are gone, in the caller's transaction; returns how many. */
  readonly withdrawInvites: () => number;
}

/** A letter that did not open, by what its cells say. */
export interface UnopenedLetter {
  readonly tag: Buffer;
  readonly senderDevice: number;
}

/**
 * Sessions that are dead, and installations that are not what they believe to be. Whoever cannot open a contact's letter
 * says so in a renewal, with the last letter that came before and its mark; a device to which its own mark is shown of a
 * letter that it does not know to have sent is an older copy of itself, and becomes a new device.
 */
export class Renewals {
  readonly #o: RenewalsOptions;
  readonly #due: RenewalsDue;
  readonly #replacing = new Mutex();
  #copyToldAt = Number.NEGATIVE_INFINITY;

  constructor(options: RenewalsOptions) {
    this.#o = options;
    this.#due = new RenewalsDue(options.db);
  }

  /** False where this installation was revoked or replaced: it neither reads nor sends. */
  get active(): boolean {
    const { device, identity } = this.#o;
    return identity
      .accountState()
      .state.devices.some((one) => one.deviceId === device.deviceId && one.identityKey.equals(device.identityKey));
  }

  /** Contacts that are to get a renewal. */
  labels(): AddressLabel[] {
    return this.#due.labels();
  }

  /** The contact is gone; in the caller's transaction. */
  forget(label: AddressLabel): void {
    this.#due.remove(label);
    this.#o.sent.remove(label);
    this.#o.unopened.remove(label);
  }

  /** Notes, durably, that a contact's letter did not open; the contact is told. */
  didNotOpen(label: AddressLabel, letter: UnopenedLetter): void {
    const { db, unopened, clock, contacts } = this.#o;
    const state = contacts.byLabel(label)?.state;
    if (state === undefined || state === "frozen" || state === "revoked") return;
    db.transaction(() => {
      unopened.add(label, letter.senderDevice, letter.tag, clock.now());
      this.#set(label, { begin: true, answer: true });
    });
  }

  /** No session with any of the contact's devices: it is asked to begin one. */
  needSession(label: AddressLabel): void {
    this.#o.db.transaction(() => this.#due.set(label, { begin: true, answer: true }));
  }

  /** Something in a contact's letter does not agree with what is known here: it is told, and asked; in the caller's transaction. */
  ask(label: AddressLabel): void {
    this.#set(label, { answer: true });
  }

  /** Sends the renewal that is due to a contact, if one is. @throws Failure of the relay client */
  async deliver(label: AddressLabel, address: QueueAddress): Promise<"none" | "sent" | "full" | "gone"> {
    const { db, identity, device, contacts, unopened, client, clock, random, queues } = this.#o;
    const { bytes: accountState, hash } = identity.accountState();
    const pinned = contacts.accountState(label);
    const states = Buffer.concat([hash, pinned?.hash ?? Buffer.alloc(0)]);
    const queue = queues.announcement(label);
    // Until then an answer could only come into a queue that somebody else may empty.
    if (queue === "not-yet") return "none";
    const due = this.#due.get(label, states, clock.now());
    if (due === undefined) return "none";
    const from = unopened.lastDevice(label) ?? pinned?.state.devices[0]?.deviceId ?? 1;
    const renewal = encodeRenewal({
      begin: due.begin,
      answer: due.answer,
      accountState,
      preKeys: device.lastResortBundle(clock.now()),
      pinned: pinned?.bytes,
      received: unopened.received(label, from),
      unopened: unopened.tags(label, from),
      queue: queue && this.#signed(label, queue),
    });
    const inner = encodeInnerCell({ kind: "renewal", tag: random(16), bytes: renewal });
    const outcome = await client.send(
      address.relay,
      address,
      sealCell(address.queueKey, "postern cell 1", inner, random(12)),
    );
    if (outcome === "gone") db.transaction(() => this.#due.setGone(label, clock.now()));
    if (outcome !== "accepted") return outcome;
    db.transaction(() => this.#due.setSent(label, due, states, clock.now()));
    return "sent";
  }

  /** Takes a contact's renewal; all that follows from it is durable when this resolves. @throws Failure */
  async take(label: AddressLabel, cell: RenewalCell): Promise<"taken" | DropReason> {
    let renewal: Renewal;
    let from: ReturnType<typeof bundleDevice>;
    try {
      renewal = decodeRenewal(cell.bytes);
      from = bundleDevice(renewal.preKeys);
    } catch (error) {
      if (error instanceof DecodeError) return "damaged";
      throw error;
    }
    if (this.#o.ledger.seenTag(label, cell.tag)) return "duplicate";
    const pinned = this.pinState(label, renewal.accountState);
    if (pinned.kind === "invalid") return "stranger";
    if (renewal.pinned !== undefined) this.#adopt(renewal.pinned);
    const behind = this.isBehind(label, renewal.received);
    const trusted = this.#o.contacts.isTrustedDevice(label, from.deviceId, from.identityKey);
    const queue = trusted && pinned.kind !== "rollback" && pinned.kind !== "fork" ? renewal.queue : undefined;
    if (queue !== undefined && !this.#isSigned(label, queue)) return "stranger";
    const outcome = await this.#o.sessions.run(label, () =>
      this.#answer(label, cell.tag, renewal, trusted, !behind, queue),
    );
    if (behind && this.active) await this.becomeNewDevice();
    return outcome;
  }

  /** Compares a contact's account state with the pinned one, durably, and does what follows from a newer one. */
  pinState(label: AddressLabel, bytes: Uint8Array): PinOutcome {
    const { db, contacts, device, outbox, emit, queues } = this.#o;
    return db.transaction(() => {
      const frozen = contacts.byLabel(label)?.state === "frozen";
      const before = contacts.accountState(label)?.state;
      const outcome = contacts.pinAccountState(label, bytes);
      if (outcome.kind === "fork" && !frozen) emit({ kind: "contact-frozen", contact: label });
      if (outcome.kind === "rollback") this.#set(label, {});
      if (outcome.kind !== "pinned") return outcome;
      const { devices = [], certificate } = contacts.accountState(label)?.state ?? {};
      const isGone = ({ identityKey }: AccountDevice) => !devices.some((one) => one.identityKey.equals(identityKey));
      // A yearly certificate alone takes nothing back.
      if (before?.certificate.issuedAt !== certificate?.issuedAt && before?.devices.some(isGone))
        queues.distrust(label);
      for (const id of device.sessionDevices(label))
        if (!devices.some(({ deviceId }) => deviceId === id)) device.removeSession(label, id);
      outbox.encryptAnew(label);
      return outcome;
    });
  }

  /** True if a contact shows this device's own mark of a letter that it does not know to have sent. */
  isBehind(label: AddressLabel, { deviceId, as, seq, hash, mark }: Received): boolean {
    const { device, chains, sent } = this.#o;
    if (deviceId !== device.deviceId || seq === 0) return false;
    if (!equalConstantTime(mark, device.mark(markedBytes(label, as, seq)))) return false;
    if (seq > chains.sent(label, as).seq) return true;
    const own = sent.hash(label, as, deviceId, seq);
    return own !== undefined && !own.equals(hash);
  }

  /**
   * This home is an older copy of itself: its ratchets would use keys a second time. It gets new keys and another device
   * id, in an account state that revokes the old one, and every contact a renewal to begin anew with.
   *
   * `first`: what the paper key does, in the same transaction. Somebody else may have all that this home had then: the
   * contacts' queues are made anew, too.
   */
  async becomeNewDevice(first?: () => void): Promise<void> {
    const { contacts, identity, emit } = this.#o;
    await this.#replacing.run(async () => {
      if (first === undefined && !identity.holdsAdminKey()) return emit({ kind: "paper-needed" });
      const labels = contacts.list().map(({ label }) => label);
      await this.#holding(labels, () => this.#replace(labels, first));
    });
  }

  /** Somebody else uses this device's keys; told once a day. */
  copySeen(): void {
    const now = this.#o.clock.now();
    if (now - this.#copyToldAt < COPY_PAUSE || !this.active) return;
    this.#copyToldAt = now;
    this.#o.emit({ kind: "copy-running" });
  }

  async #replace(labels: readonly AddressLabel[], first: (() => void) | undefined): Promise<void> {
    const { db, identity, device, chains, outbox, random, withdrawInvites, emit, contacts, queues } = this.#o;
    const fresh: number[] = [];
    await db.commit(() => {
      first?.();
      identity.replaceDevice(device.replace({ random, deviceId: identity.nextDeviceId() }));
      chains.cutAll();
      for (const label of labels) {
        outbox.encryptAnew(label);
        this.#due.set(label, { begin: true });
        if (first !== undefined && contacts.byLabel(label)?.state !== "revoked") fresh.push(queues.makeAnew(label));
      }
      if (first !== undefined) this.#o.tellState();
      const why = first === undefined ? "behind" : "asked";
      emit({ kind: "device-replaced", why, invitesWithdrawn: withdrawInvites() });
    });
    for (const id of fresh) this.#o.read(id);
    for (const label of labels) this.#o.wakeSender(label);
  }

  /** Holds the sessions of all these contacts. Nobody else holds two, so nobody waits for one who waits. */
  #holding(labels: readonly AddressLabel[], work: () => Promise<void>): Promise<void> {
    const [first, ...rest] = labels;
    return first === undefined ? work() : this.#o.sessions.run(first, () => this.#holding(rest, work));
  }

  /** Begins a session where it is asked for, and sends again what did not arrive; in one transaction. */
  async #answer(
    label: AddressLabel,
    tag: Buffer,
    renewal: Renewal,
    trusted: boolean,
    mayBegin: boolean,
    queue: SignedQueue | undefined,
  ): Promise<"taken" | DropReason> {
    const { db, identity, chains, ledger, outbox, contacts, device, clock, random, queues } = this.#o;
    let begun: { readonly steps: SessionBatch; readonly deviceId: number } | undefined;
    if (renewal.begin && trusted && mayBegin && this.active) {
      const steps = device.sessions(identity.label, (name, id, key) =>
        contacts.isTrustedDevice(name as AddressLabel, id, key),
      );
      try {
        begun = { steps, deviceId: await steps.begin(label, renewal.preKeys, clock.now()) };
      } catch (error) {
        if (error instanceof SessionFailure) return "stranger";
        throw error;
      }
    }
    const { copyRunning, lost } = await db.commit(() => {
      const now = clock.now();
      ledger.add(label, { letter: tag, tag }, now);
      if (trusted && queue !== undefined) queues.hear(label, queue.address, queue.order);
      if (begun !== undefined) {
        begun.steps.write();
        chains.cut(label, begun.deviceId);
        outbox.encryptAnew(label);
        // The first letter of the new session, for the contact may not write before it has one.
        const state = encodeControl({ kind: "state", accountState: identity.accountState().bytes });
        outbox.add(controlLetter(state, random), [label], now);
      }
      if (renewal.answer || !trusted) this.#due.set(label, {});
      return trusted ? this.#sendAgain(label, renewal, begun !== undefined) : { copyRunning: false, lost: [] };
    });
    if (copyRunning && mayBegin) this.copySeen();
    for (const letter of lost) this.#o.emit({ kind: "failed", letter, to: label, reason: "lost" });
    this.#o.wakeSender(label);
    return "taken";
  }

  /** In the caller's transaction. */
  #sendAgain(label: AddressLabel, renewal: Renewal, begun: boolean): { copyRunning: boolean; lost: Buffer[] } {
    const { outbox, sent, device, clock } = this.#o;
    const { deviceId, as, seq } = renewal.received;
    const lost: Buffer[] = [];
    let copyRunning = false;
    const again = ({ tag, letter, kind }: SentLetter): void => {
      if (kind === "mail" && !outbox.sendAgain(letter, label, clock.now())) lost.push(letter);
      sent.settle(label, tag);
      outbox.release(letter);
    };
    for (const tag of renewal.unopened) {
      const found = sent.find(label, tag);
      if (found === undefined) copyRunning ||= deviceId === device.deviceId;
      else if (found.settled === 0) again(found);
    }
    if (begun && as > 0) for (const letter of sent.after(label, as, deviceId, seq)) again(letter);
    // The device may have been put in another's place before it had read its queue: it names nothing then.
    if (begun) outbox.unreceipted.forgetLostDevices(label);
    return { copyRunning, lost };
  }

  #signed(label: AddressLabel, queue: Omit<SignedQueue, "signature">): SignedQueue {
    const signature = this.#o.identity.signWithAdmin(RENEWAL_QUEUE_CONTEXT, signedQueueBytes(label, queue));
    return { ...queue, signature };
  }

  /** By the admin key that the contact's paper key has certified last. */
  #isSigned(label: AddressLabel, queue: SignedQueue): boolean {
    const key = this.#o.contacts.accountState(label)?.state.certificate.adminPublicKey;
    const signed = signedQueueBytes(this.#o.identity.label, queue);
    return key !== undefined && verifySignature(key, RENEWAL_QUEUE_CONTEXT, signed, queue.signature);
  }

  #adopt(bytes: Uint8Array): void {
    const { db, identity, clock, emit } = this.#o;
    const wasActive = this.active;
    const before = identity.accountState().state.devices;
    db.transaction(() => {
      const outcome = identity.adopt(bytes, clock.now());
      if (outcome.kind === "fork") emit({ kind: "own-fork" });
      if (outcome.kind !== "pinned") return;
      if (wasActive && !this.active) return emit({ kind: "superseded" });
      const { devices } = identity.accountState().state;
      if (devices.some(({ identityKey }) => !before.some((known) => known.identityKey.equals(identityKey))))
        emit({ kind: "devices-changed" });
    });
  }

  #set(label: AddressLabel, what: { begin?: boolean; answer?: boolean }): void {
    this.#due.set(label, what);
    this.#o.db.afterCommit(() => this.#o.wakeSender(label));
  }
}

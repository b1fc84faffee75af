import type { AddressLabel } from "../foundation/address.ts";
import { type Clock, systemClock } from "../foundation/clock.ts";
import type { Content } from "../foundation/content.ts";
import { type Logger, silentLogger } from "../foundation/logger.ts";
import { KeyedMutex } from "../foundation/mutex.ts";
import { randomOctets } from "../foundation/random-octets.ts";
import type { RecoverySecrets } from "../keyring/recovery-secret.ts";
import { Blobs } from "./blobs/blobs.ts";
import { Carry } from "./carry/carry.ts";
import { Acquaintance } from "./contacts/acquaintance.ts";
import { NO_COMPANION } from "./contacts/contact-companion.ts";
import { contactSchema } from "./contacts/contact-schema.ts";
import { ContactStanding } from "./contacts/contact-standing.ts";
import { type End, takeFarewell } from "./contacts/farewell.ts";
import type { Meetings } from "./contacts/meetings.ts";
import { Phrases } from "./contacts/phrases.ts";
import type { OverlayEvent } from "./events.ts";
import { Chains } from "./letters/chain.ts";
import { ControlLetters } from "./letters/control-letters.ts";
import { Ledger } from "./letters/ledger.ts";
import { LETTER_SIZE_MAX } from "./letters/letter-content.ts";
import { LetterProgress, type Progress } from "./letters/letter-progress.ts";
import type { Gap } from "./letters/missing-letters.ts";
import { Outbox } from "./letters/outbox.ts";
import { SpooledLetter } from "./letters/prepared-letter.ts";
import { ContactSender } from "./letters/sender.ts";
import { SentLetters } from "./letters/sent-letters.ts";
import { Spool } from "./letters/spool.ts";
import { UnopenedLetters } from "./letters/unopened-letters.ts";
import { CLOSING_GRACE, SWEEP_INTERVAL, TOTAL_WINDOW } from "./limits.ts";
import type {
  AcceptedInvite,
  CreatedInvite,
  NewInvite,
  Overlay,
  OverlayOptions,
  OverlayStatus,
  PendingInvite,
  PreparedLetter,
} from "./overlay.ts";
import { QueueEndings } from "./queues/queue-endings.ts";
import { QueueReaders } from "./queues/queue-readers.ts";
import { QueueRotation } from "./queues/queue-rotation.ts";
import { Queues } from "./queues/queues.ts";
import { receiptSchema } from "./receipts/receipt-schema.ts";
import { ReceiptSender } from "./receipts/receipt-sender.ts";
import { ReceiptsDue } from "./receipts/receipts-due.ts";
import { gatherRecord } from "./recovery/gather-record.ts";
import { type Reached, ReachedContacts } from "./recovery/reached.ts";
import { RecordKeeper } from "./recovery/record-keeper.ts";
import { answers, createRelayClient, type RelayClient } from "./relay-client/relay-client.ts";
import { overlaySchema } from "./schema.ts";
import { Renewals } from "./sessions/renewals.ts";
import { StateLetters } from "./sessions/state-letters.ts";
import { Telling } from "./telling.ts";
import { Window } from "./window.ts";
import type { Worker } from "./worker.ts";
import { Workforce } from "./workforce.ts";

/** After these a new device would need to know more than before. */
const CHANGES_RECORD: ReadonlySet<OverlayEvent["kind"]> = new Set([
  "contact-added",
  "contact-confirmed",
  "device-replaced",
]);

/** The overlay at work: one worker per contact that is written to, per queue that is read, and per invite under way. */
export class OpenOverlay implements Overlay {
  readonly sizeLimit = LETTER_SIZE_MAX;
  readonly #o: OverlayOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #random: (length: number) => Buffer;
  readonly carrying: Carry;
  readonly #client: RelayClient;
  readonly #outbox: Outbox;
  readonly #queues: Queues;
  readonly #chains: Chains;
  readonly #ledger: Ledger;
  readonly #progress: LetterProgress;
  readonly #due: ReceiptsDue;
  readonly #receipts: ReceiptSender;
  readonly #senders = new Map<AddressLabel, ContactSender>();
  readonly #telling: Telling;
  readonly #spool: Spool;
  readonly #acquaintance: Acquaintance;
  readonly #sent: SentLetters;
  readonly #unopened: UnopenedLetters;
  readonly #renewals: Renewals;
  readonly #phrases: Phrases;
  readonly #standing: ContactStanding;
  readonly #rotation: QueueRotation;
  readonly #control: ControlLetters;
  readonly #stateLetters: StateLetters;
  readonly #blobs: Blobs;
  readonly #record: RecordKeeper | undefined;
  readonly #reached: ReachedContacts;
  readonly #sessions = new KeyedMutex<AddressLabel>();
  readonly #window = new Window(TOTAL_WINDOW);
  readonly #work: Workforce;
  readonly #readers: QueueReaders;
  #cancelSweep: (() => void) | undefined;
  #cancelGaps: (() => void) | undefined;

  constructor(options: OverlayOptions) {
    this.#o = options;
    const { db, relay, spareRelays = [] } = options;
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger ?? silentLogger;
    this.#random = options.random ?? randomOctets;
    this.#work = new Workforce({ clock: this.#clock, logger: this.#logger, jitter: () => this.#jitter() });
    db.migrate(overlaySchema);
    db.migrate(contactSchema);
    db.migrate(receiptSchema);
    this.#outbox = new Outbox(db);
    this.#sent = new SentLetters(db);
    this.#unopened = new UnopenedLetters(db);
    this.#queues = new Queues(db, [relay, ...spareRelays], this.#random);
    this.#chains = new Chains(db);
    this.#ledger = new Ledger(db);
    this.#phrases = new Phrases(db, options.identity.label);
    this.#progress = new LetterProgress(db);
    this.#telling = new Telling({
      db,
      outbox: this.#outbox,
      progress: this.#progress,
      missing: this.#chains.missing,
      clock: this.#clock,
      logger: this.#logger,
      onEvent: (event) => {
        if (CHANGES_RECORD.has(event.kind)) this.#writeRecord();
        options.onEvent?.(event);
      },
      waitsFor: (label) => this.#senders.get(label)?.waitsFor,
    });
    this.#due = new ReceiptsDue(db, options.receipts ?? { send: true }, () => this.#jitter());
    this.#receipts = new ReceiptSender({
      db,
      contacts: options.contacts,
      outbox: this.#outbox,
      due: this.#due,
      clock: this.#clock,
      logger: this.#logger,
      random: this.#random,
      wakeSender: (label) => this.#sender(label).wake(),
    });
    this.#spool = new Spool(options.home, this.#random, this.#outbox.files());
    this.carrying = new Carry({
      db,
      queues: this.#queues,
      clock: this.#clock,
      random: this.#random,
      hurry: (label) => this.#sender(label).hurry(),
    });
    const relays = (options.connect ?? createRelayClient)({
      carrier: options.carrier,
      ...(options.sendingCarrier && { sendingCarrier: options.sendingCarrier }),
      clock: this.#clock,
      logger: this.#logger,
      jitter: () => this.#jitter(),
      onConnection: ({ host, port }, connected) => {
        this.#telling.emit({ kind: "relay", host, port, connected });
        if (connected) this.#work.hurryAll();
      },
    });
    this.#client = this.carrying.over(relays);
    const context = {
      db,
      relay,
      identity: options.identity,
      contacts: options.contacts,
      device: options.device,
      queues: this.#queues,
      chains: this.#chains,
      ledger: this.#ledger,
      outbox: this.#outbox,
      phrases: this.#phrases,
      client: this.#client,
      sessions: this.#sessions,
      clock: this.#clock,
      random: this.#random,
      emit: (event: OverlayEvent) => this.#telling.tell(event),
      read: (queue: number) => this.#readers.read(queue),
      afterHello: () => this.#blobs.afterHello(),
      wakeSender: (label: AddressLabel) => this.#sender(label).wake(),
    };
    const { companion = NO_COMPANION } = options;
    this.#acquaintance = new Acquaintance({
      ...context,
      companion,
      work: this.#work,
      forget: (label) => this.#forget(label, "gone"),
    });
    this.#stateLetters = new StateLetters({ ...context, now: () => this.#clock.now() });
    this.#renewals = new Renewals({
      ...context,
      sent: this.#sent,
      unopened: this.#unopened,
      queues: {
        announcement: (label) => this.#rotation.announcement(label),
        distrust: (label) => this.#rotation.distrust(label),
        hear: (label, address, order) => this.#rotation.hear(label, address, order),
        makeAnew: (label) => this.#rotation.makeAnew(label),
      },
      tellState: () => void this.#stateLetters.tellAll(),
      withdrawInvites: () => this.#acquaintance.withdrawInvites(),
    });
    this.#record = options.recovery && this.#recordKeeper(options.recovery);
    this.#reached = new ReachedContacts({ ...context, contacts: options.contacts });
    this.#standing = new ContactStanding({ ...context, contacts: options.contacts });
    this.#rotation = new QueueRotation({
      ...context,
      relays: [relay, ...spareRelays],
      connected: (at) => this.#client.connected(at),
      answers: (at) => answers(this.#client, at, this.#random),
      quiet: (queue) => this.#readers.quiet(queue),
    });
    const { carrier, sendingCarrier = carrier } = options;
    this.#blobs = new Blobs({
      ...context,
      policy: options.blobs,
      paced: [carrier, sendingCarrier].some(({ properties }) => properties.scheduled),
      home: options.home,
      relays: [relay, ...spareRelays],
      work: this.#work,
      spool: this.#spool,
      receiver: options.receiver,
      receipts: this.#due,
      logger: this.#logger,
      byHand: (label) => this.carrying.contacts().includes(label),
      active: () => this.#renewals.active,
      dropped: (from, reason, count) => this.#readers.drop(from, reason, count),
      wakeReceipts: (due) => this.#receipts.wake(due),
    });
    this.#readers = new QueueReaders({
      ...context,
      own: options.identity.label,
      endings: new QueueEndings(options.db, this.#queues),
      work: this.#work,
      receiver: options.receiver,
      logger: this.#logger,
      emit: (event) => this.#telling.emit(event),
      control: (from, content, deviceId) => this.#control.take(from, content, deviceId),
      receipts: this.#due,
      blobs: this.#blobs.incoming,
      blobDevices: this.#blobs.devices,
      wakeReceipts: (due) => this.#receipts.wake(due),
      hello: (queue, cell) => this.#acquaintance.hello(queue, cell),
      unopened: this.#unopened,
      renewal: (from, cell) => this.#renewals.take(from, cell),
      didNotOpen: (from, letter) => this.#renewals.didNotOpen(from, letter),
      disagrees: (from) => this.#renewals.ask(from),
      active: () => this.#renewals.active,
      takenOver: () => this.#renewals.copySeen(),
      used: (id) => this.#rotation.used(id),
      made: ({ label }) => label !== undefined && this.#sender(label).wake(),
    });
    this.#control = new ControlLetters({
      ...context,
      contacts: options.contacts,
      progress: this.#progress,
      renewals: this.#renewals,
      acquaintance: this.#acquaintance,
      companion,
      rotation: this.#rotation,
      isAskedFor: options.isAskedFor ?? (() => true),
      sender: (label) => this.#sender(label),
      blobFailed: (to, letter) => this.#blobs.failed(to, letter),
      receipted: (files) => {
        this.#telling.tellProgress();
        for (const file of files) void this.#spool.remove(file).catch(() => undefined);
      },
    });
  }

  start(): void {
    if (!this.#work.start()) return;
    this.#sweep();
    this.#cancelGaps = this.#clock.after(SWEEP_INTERVAL, () => this.#tellGaps());
    this.#rotation.tellNewAddresses();
    for (const { label } of this.#o.contacts.list()) {
      const address = this.#queues.contact(label);
      if (address !== undefined) this.#client.hold(address.relay, address.senderId);
    }
    for (const { id, state, label } of this.#queues.allOwn())
      if (state !== "new" || label !== undefined) this.#readers.read(id);
    this.#telling.tellAgain();
    this.#receipts.start();
    this.#writeRecord();
    for (const label of new Set([...this.#outbox.labels(), ...this.#renewals.labels()])) this.#sender(label).wake();
    this.#acquaintance.resume();
    this.#blobs.resume();
  }

  async close(): Promise<void> {
    if (this.#work.stopping) return;
    this.#cancelSweep?.();
    this.#cancelGaps?.();
    this.#receipts.stop();
    this.#blobs.stop();
    const { heard, close } = this.#readers.end();
    const stopped = this.#work.stop();
    // What was stored is acknowledged while there is somebody to hear it; else it comes again, and is dropped.
    await this.#within(CLOSING_GRACE, stopped.then(heard));
    const closed = close();
    await this.#client.close();
    await Promise.all([stopped, closed]);
  }

  /** Resolves when the work is over or the time is up. */
  async #within(milliseconds: number, work: Promise<unknown>): Promise<void> {
    await new Promise<void>((resolve) => {
      const cancel = this.#clock.after(milliseconds, resolve);
      void work
        .catch(() => undefined)
        .then(() => {
          cancel();
          resolve();
        });
    });
  }

  createInvite(invite: NewInvite): Promise<CreatedInvite> {
    return this.#acquaintance.createInvite(invite);
  }

  acceptInvite(link: string, petname: string): Promise<AcceptedInvite> {
    return this.#acquaintance.acceptInvite(link, petname);
  }

  approveInvite(id: string): Promise<AddressLabel> {
    return this.#acquaintance.approveInvite(id);
  }

  cancelInvite(id: string): Promise<void> {
    return this.#acquaintance.cancelInvite(id);
  }

  pendingInvites(): readonly PendingInvite[] {
    return this.#acquaintance.pendingInvites();
  }

  get meetings(): Meetings {
    return this.#acquaintance.meetings;
  }

  removeContact(label: AddressLabel): Promise<void> {
    return this.#forget(label, "removed");
  }

  blockContact(label: AddressLabel): Promise<void> {
    return this.#forget(label, "revoked");
  }

  freezeContact(label: AddressLabel): void {
    this.#standing.freeze(label);
    this.#writeRecord();
  }

  unfreezeContact(label: AddressLabel): void {
    this.#standing.unfreeze(label);
    this.#writeRecord();
  }

  safetyPhrase(label: AddressLabel): string | undefined {
    return this.#phrases.phrase(label);
  }

  verifyContact(label: AddressLabel, words: string): boolean {
    const fit = this.#standing.verify(label, words);
    if (fit) this.#writeRecord();
    return fit;
  }

  async prepare(content: Content): Promise<PreparedLetter> {
    return new SpooledLetter(this.#spool, this.#random(16), await this.#spool.store(content));
  }

  enqueue(letter: PreparedLetter, recipients: readonly AddressLabel[]): void {
    if (!(letter instanceof SpooledLetter)) throw new TypeError("only a letter that was prepared can be enqueued");
    if (recipients.length === 0) throw new RangeError("a letter has at least one recipient");
    const labels = [...new Set(recipients)];
    const outgoing = letter.outgoing("mail");
    this.#outbox.add(outgoing, labels, this.#clock.now());
    this.#blobs.enqueued(outgoing, labels);
    this.#o.db.afterCommit(() => {
      letter.enqueued = true;
      if (this.#work.started) for (const label of labels) this.#sender(label).wake();
    });
  }

  announceState(): void {
    const labels = this.#stateLetters.tellAll();
    this.#o.db.afterCommit(() => {
      if (this.#work.started) for (const label of labels) this.#sender(label).wake();
    });
  }

  becomeNewDevice(withPaper: () => void): Promise<void> {
    return this.#renewals.becomeNewDevice(withPaper);
  }

  reached(): readonly Reached[] {
    return this.#reached.list();
  }

  recordWrittenAt(): number | undefined {
    return this.#record?.writtenAt();
  }

  get active(): boolean {
    return this.#renewals.active;
  }

  settleFailure(letter: Uint8Array, to: AddressLabel): void {
    this.#outbox.setTold(letter, to);
  }

  settleProgress(letter: Uint8Array, to: AddressLabel, progress: Progress): void {
    this.#telling.settleProgress(letter, to, progress);
  }

  settleGap(gap: Gap): void {
    this.#chains.missing.setTold(gap);
  }

  settle(event: OverlayEvent): void {
    this.#telling.settle(event);
  }

  status(): OverlayStatus {
    return {
      ...this.#outbox.count(),
      connected: this.#client.connected(this.#o.relay),
      dropped: this.#readers.dropped,
      deliveries: this.#outbox.rows().map(({ reason, ...row }) => {
        const waits = row.state === "waiting" || row.state === "encrypted";
        const why = reason ?? (waits ? this.#senders.get(row.to)?.waitsFor : undefined);
        return { ...row, ...(why === undefined ? {} : { reason: why }) };
      }),
    };
  }

  async idle(): Promise<void> {
    while (!this.#work.stopping && !this.#isIdle()) await this.#work.rest();
  }

  #isIdle(): boolean {
    return !this.#outbox.waiting() && !this.#work.busy && !this.#receipts.busy && this.#readers.quiet();
  }

  #sender(label: AddressLabel): Worker {
    return this.#work.worker(`send ${label}`, () => {
      const sender = new ContactSender(
        {
          db: this.#o.db,
          own: this.#o.identity.label,
          contacts: this.#o.contacts,
          device: this.#o.device,
          outbox: this.#outbox,
          spool: this.#spool,
          queues: this.#queues,
          chains: this.#chains,
          client: this.#client,
          sessions: this.#sessions,
          window: this.#window,
          clock: this.#clock,
          logger: this.#logger,
          random: this.#random,
          emit: (event) => this.#telling.emit(event),
          ready: (label) => this.#acquaintance.takesLetters(label),
          stopping: () => this.#work.stopping,
          renewals: this.#renewals,
          sent: this.#sent,
          blobs: this.#blobs.outgoing,
          flags: this.#blobs.flags,
          stateHash: () => this.#o.identity.accountState().hash,
        },
        label,
      );
      this.#senders.set(label, sender);
      return () => sender.step();
    });
  }

  #recordKeeper(secrets: RecoverySecrets): RecordKeeper {
    const { db, contacts, identity, relay, spareRelays = [] } = this.#o;
    const sources = {
      db,
      contacts,
      queues: this.#queues,
      relays: [relay, ...spareRelays],
      accountState: () => identity.accountState().bytes,
      highestDeviceId: () => identity.highestDeviceId,
    };
    return new RecordKeeper({
      ...sources,
      secrets,
      gather: () => gatherRecord(sources),
      client: this.#client,
      clock: this.#clock,
      logger: this.#logger,
      random: this.#random,
    });
  }

  /** Soon; each sweep looks again. */
  #writeRecord(): void {
    const record = this.#record;
    if (record === undefined || !this.#work.started) return;
    this.#work
      .worker("recovery record", () => async () => (this.#renewals.active ? await record.step() : "idle"))
      .wake();
  }

  /** The contact goes, with all that is kept for it. */
  async #forget(label: AddressLabel, end: End): Promise<void> {
    const { db, contacts, device } = this.#o;
    const parts = {
      db,
      contacts,
      device,
      queues: this.#queues,
      outbox: this.#outbox,
      spool: this.#spool,
      sessions: this.#sessions,
      clock: this.#clock,
      emit: (event: OverlayEvent) => this.#telling.emit(event),
      read: (queue: number) => this.#readers.read(queue),
      forget: () => {
        this.#due.remove(label);
        this.carrying.forget(label);
        this.#acquaintance.confirm(label);
        this.#chains.remove(label);
        this.#renewals.forget(label);
        this.#standing.forget(label);
        this.#rotation.forget(label);
        this.#blobs.forget(label);
        this.#stateLetters.remove(label);
        this.#o.companion?.parted(label);
      },
    };
    await takeFarewell(parts, label, end);
    this.#writeRecord();
  }

  #sweep(): void {
    const now = this.#clock.now();
    const { again, overdue, files } = this.#o.db.transaction(() => {
      const overdue = this.#outbox.unreceipted.overdue(now);
      const files = overdue.map((delivery) => this.#outbox.setUnconfirmed(delivery, now));
      files.push(...this.#outbox.boundKept());
      this.#blobs.outgoing.sweep(now);
      const again = [...this.#outbox.unreceipted.forgetLostDevices(), ...this.#outbox.unreceipted.resend(now)];
      this.#outbox.sweep(now);
      this.#ledger.sweep(now);
      this.#unopened.sweep(now);
      for (const label of this.#stateLetters.tellAgain()) this.#sender(label);
      files.push(...this.#sent.sweep(now).map((letter) => this.#outbox.release(letter)));
      this.#progress.note(now);
      this.#progress.sweep(now);
      return { again, overdue, files };
    });
    for (const { letter, label, kind } of overdue)
      if (kind === "mail") this.#telling.emit({ kind: "failed", letter, to: label, reason: "unconfirmed" });
    for (const file of files) if (file !== undefined) void this.#spool.remove(file).catch(() => undefined);
    this.#telling.tellProgress();
    this.#acquaintance.sweep();
    for (const label of again) this.#sender(label).wake();
    for (const label of this.#renewals.labels()) this.#sender(label);
    this.#readers.sweep();
    this.#blobs.resume();
    this.#work.wakeAll();
    this.#cancelSweep = this.#clock.after(SWEEP_INTERVAL, () => this.#sweep());
  }

  /** Not at the start: what is missing, or in a queue that is to go, may lie at the relay. */
  #tellGaps(): void {
    this.#rotate();
    this.#telling.tellGaps();
    this.#cancelGaps = this.#clock.after(SWEEP_INTERVAL, () => this.#tellGaps());
  }

  #rotate(): void {
    this.#rotation.step().catch((error: unknown) => {
      if (!this.#work.stopping) this.#logger("error", "rotation-failed", { cause: String(error) });
    });
  }

  #jitter(): number {
    return this.#random(4).readUInt32BE() / 2 ** 32;
  }
}

import type { AddressLabel } from "../../foundation/address.ts";
import { Failure } from "../../foundation/failure.ts";
import type { DropReason } from "../events.ts";
import type { AcceptedInvite, CreatedInvite, NewInvite, PendingInvite } from "../overlay.ts";
import type { HelloCell } from "../queues/queue-reader.ts";
import type { OwnQueue } from "../queues/queues.ts";
import type { Worker } from "../worker.ts";
import type { Workforce } from "../workforce.ts";
import type { ContactLetter } from "./contact-letters.ts";
import { type IntroductionRow, Introductions } from "./introductions.ts";
import { Invites } from "./invites.ts";
import type { JoinContext, MeetingParts } from "./join-context.ts";
import { Joins } from "./joins.ts";
import type { Meetings, PendingCode, PendingIntroduction } from "./meetings.ts";
import { type PairRow, Pairs } from "./pairs.ts";

export interface AcquaintanceOptions extends Omit<JoinContext, "expects" | "met" | "wakeInvite"> {
  readonly work: Workforce;
  /** Removes a contact with its queues and sessions. */
  readonly forget: (label: AddressLabel) => Promise<void>;
}

/** All ways to become contacts, made here and taken up here, each with a worker that goes on until it is done. */
export class Acquaintance {
  readonly #o: AcquaintanceOptions;
  readonly #invites: Invites;
  readonly #joins: Joins;
  readonly #pairs: Pairs;
  readonly #introductions: Introductions;
  readonly meetings: Meetings;

  constructor(options: AcquaintanceOptions) {
    this.#o = options;
    const context: JoinContext = {
      ...options,
      expects: (id, label) => this.#introductions.expects(id, label),
      met: (id, label) => {
        this.#pairs.met(id);
        this.#introductions.met(id, label);
      },
      wakeInvite: (id) => this.#inviteWorker(id).wake(),
    };
    const invites = new Invites(context);
    const joins = new Joins(context, options.forget);
    const parts: MeetingParts = { invites, joins, wakeJoin: (id) => this.#joinWorker(id).wake() };
    this.#invites = invites;
    this.#joins = joins;
    this.#pairs = new Pairs(context, parts, (id) => this.#pairWorker(id).wake());
    this.#introductions = new Introductions(context, parts, (id) => this.#introductionWorker(id).wake());
    this.meetings = this.#meetings();
  }

  /** Goes on with what was under way at the last end; invites wait for the sweep. */
  resume(): void {
    for (const worker of this.#taking()) worker.wake();
  }

  /** Has a worker for all that is under way. Before letters are sent again: hellos go first. */
  sweep(): void {
    this.#joins.sweep();
    for (const id of this.#invites.ids()) this.#inviteWorker(id);
    this.#taking();
  }

  /** As Overlay.createInvite. */
  async createInvite({ name, expiresAt, asks = false, alongside }: NewInvite): Promise<CreatedInvite> {
    const { id, link } = this.#invites.create({ name, expiresAt, asks, ...(alongside && { alongside }) });
    try {
      await this.#invites.step(id);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (!isPassing(error)) {
        this.#invites.cancel(id);
        throw error;
      }
      this.#inviteWorker(id).wake();
    }
    return { id, link, ready: this.#invites.isReady(id) };
  }

  /** As Overlay.acceptInvite. */
  async acceptInvite(link: string, petname: string): Promise<AcceptedInvite> {
    const { id, label, petname: wanted } = this.#joins.begin(link, petname);
    let reason = "";
    try {
      await this.#joins.advance(id);
    } catch (error) {
      if (!(error instanceof Failure) || !isPassing(error)) throw error;
      reason = error.message;
      this.#joinWorker(id).wake();
    }
    const contact = this.#o.contacts.byLabel(label);
    if (contact === undefined) return { kind: "waiting", invite: id, reason };
    return { kind: "joined", contact: label, petname: contact.petname ?? wanted };
  }

  /** As Overlay.approveInvite. */
  approveInvite(id: string): Promise<AddressLabel> {
    return this.#invites.approve(id);
  }

  /** As Overlay.cancelInvite. */
  async cancelInvite(id: string): Promise<void> {
    if (this.#invites.cancel(id)) this.#inviteWorker(id).wake();
    else if (!(await this.#joins.cancel(id))) throw new Failure("nonexistent", "there is no such open invite");
  }

  /** In the caller's transaction. Returns how many were open. */
  withdrawInvites(): number {
    return this.#invites.cancelAll();
  }

  /** As Overlay.pendingInvites. */
  pendingInvites(): readonly PendingInvite[] {
    const made = this.#invites.pending().map(
      (row): PendingInvite => ({
        id: row.id,
        how: row.how,
        direction: "made",
        name: row.name ?? undefined,
        expiresAt: row.expires_at,
        state: row.state === "open" || row.state === "asking" ? row.state : "preparing",
        ...(row.link !== null && { link: row.link }),
        ...(row.label !== null && { asker: row.label }),
      }),
    );
    const accepting = this.#joins.rows().map(
      (row): PendingInvite => ({
        id: row.id,
        how: row.how,
        direction: "accepting",
        name: row.petname,
        expiresAt: row.expires_at,
        state: row.state,
      }),
    );
    return [...made, ...accepting];
  }

  /** What came into a queue that no contact writes into yet. @throws Failure of the relay client */
  async hello(queue: OwnQueue, cell: HelloCell): Promise<"taken" | DropReason> {
    return (await this.#pairs.answer(queue, cell)) ?? (await this.#invites.hello(queue, cell));
  }

  /** A contact's part in an introduction, in the transaction that records the letter. */
  receive(from: AddressLabel, letter: Exclude<ContactLetter, { kind: "invite-alarm" }>): void {
    this.#introductions.receive(from, letter);
  }

  /** Whether letters to this contact may go already. */
  takesLetters(label: AddressLabel): boolean {
    return this.#joins.takesLetters(label);
  }

  /** The host has answered, or it does not matter any more; in the caller's transaction. False if nobody waited for that. */
  confirm(label: AddressLabel): boolean {
    return this.#joins.confirm(label);
  }

  #meetings(): Meetings {
    return {
      introduce: (one, other, coRecipient) => this.#introductions.introduce(one, other, coRecipient),
      introductions: () => this.#introductions.rows().map(pendingIntroduction),
      acceptIntroduction: (id, petname) => this.#introductions.accept(id, petname),
      cancelIntroduction: (id) => {
        if (!this.#introductions.cancel(id)) throw new Failure("nonexistent", "there is no such introduction");
      },
      introducer: (label) => this.#introductions.introducer(label),
      makeCode: async (petname) => pendingCode(await this.#pairs.make(petname)),
      takeCode: (code, petname, at) => {
        const row = this.#pairs.take(code, petname, at);
        this.#pairWorker(row.id).wake();
        return pendingCode(row);
      },
      codes: () => this.#pairs.pending().map(pendingCode),
      cancel: (id) => {
        if (!this.#pairs.cancel(id)) throw new Failure("nonexistent", "there is no such spoken code");
      },
    };
  }

  #taking(): Worker[] {
    return [
      ...this.#joins.rows().map(({ id }) => this.#joinWorker(id)),
      ...this.#pairs.rows().map(({ id }) => this.#pairWorker(id)),
      ...this.#introductions.rows().map(({ id }) => this.#introductionWorker(id)),
    ];
  }

  #inviteWorker(id: string): Worker {
    return this.#o.work.worker(`join ${id}`, () => () => this.#invites.step(id));
  }

  #joinWorker(id: string): Worker {
    return this.#o.work.worker(`join ${id}`, () => () => this.#joins.step(id));
  }

  #pairWorker(id: string): Worker {
    return this.#o.work.worker(`pair ${id}`, () => () => this.#pairs.step(id));
  }

  #introductionWorker(id: string): Worker {
    return this.#o.work.worker(`introduction ${id}`, () => () => this.#introductions.step(id));
  }
}

function pendingIntroduction(row: IntroductionRow): PendingIntroduction {
  const { id, introducer, other, name, state, co_recipient: coRecipient, expires_at: expiresAt } = row;
  return { id, introducer, other, name, state, coRecipient: coRecipient === 1, expiresAt };
}

function pendingCode({ id, role, code, name, state, relay, expires_at: expiresAt }: PairRow): PendingCode {
  return { id, role, code, name, state, relay, expiresAt };
}

/** Trying again may help. */
function isPassing(failure: Failure): boolean {
  return failure.code === "unavailable" || failure.code === "full" || failure.code === "busy";
}

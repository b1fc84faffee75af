import type { AddressLabel } from "../../foundation/address.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { KeyedMutex } from "../../foundation/mutex.ts";
import { open, seal } from "../../foundation/seal.ts";
import { SessionFailure } from "../../keyring/device-sessions.ts";
import { checkPetname } from "../../keyring/petname.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import { INTRODUCTION_LIFETIME, INTRODUCTIONS_MAX } from "../limits.ts";
import type { StepResult } from "../worker.ts";
import {
  type ContactLetter,
  decodeContactLetter,
  encodeContactLetter,
  INTRODUCTION_ID_SIZE,
  type IntroductionAnswer,
} from "./contact-letters.ts";
import { introductionSecret, signIntroduction } from "./introduction-secret.ts";
import { decodeInviteBundle, inviteKeys } from "./invite-bundle.ts";
import type { Invites } from "./invites.ts";
import type { JoinContext, MeetingParts } from "./join-context.ts";
import type { Joins } from "./joins.ts";
import { freePetname, givablePetname } from "./petname.ts";

export interface IntroductionRow {
  readonly id: string;
  readonly introducer: AddressLabel;
  readonly other: AddressLabel;
  readonly name: string;
  /** offered -> accepted -> hosting -> waiting (who hosts) or accepted until the bundle comes (who does not); then gone. */
  readonly state: "offered" | "accepted" | "hosting" | "waiting";
  readonly co_recipient: number;
  readonly expires_at: number;
  readonly secret_key: Buffer | null;
  /** The two answers, and the host's bundle, as they travel. */
  readonly own: Buffer | null;
  readonly theirs: Buffer | null;
  readonly bundle: Buffer | null;
}

interface IntroducingRow {
  readonly a: AddressLabel;
  readonly b: AddressLabel;
  /** What came through already: 1 and 2 the answers of a and b, 4 the bundle. */
  readonly passed: number;
}

const BUNDLE_CONTEXT = Buffer.from("postern introduction 1 bundle");

/**
 * Introductions by a common contact: offered to both, accepted or refused by each, authenticated by their own keys, and
 * activated by the hello of an invite. Whoever introduces passes sealed letters on, and may have lied about who is who.
 */
export class Introductions {
  readonly #c: JoinContext;
  readonly #invites: Invites;
  readonly #joins: Joins;
  readonly #wakeJoin: (id: string) => void;
  readonly #wake: (id: string) => void;
  readonly #mutex = new KeyedMutex<string>();

  constructor(context: JoinContext, { invites, joins, wakeJoin }: MeetingParts, wake: (id: string) => void) {
    this.#c = context;
    this.#invites = invites;
    this.#joins = joins;
    this.#wakeJoin = wakeJoin;
    this.#wake = wake;
  }

  /**
   * Offers two contacts to each other. Recipients of one letter are offered once, ever, unless they know each other as
   * far as is known here, and without a name: the letter shows none, and petnames are the user's own business.
   * @throws Failure invalid, forbidden (one is frozen or revoked)
   */
  introduce(a: AddressLabel, b: AddressLabel, coRecipient = false): void {
    const { db, contacts, random, clock } = this.#c;
    if (a === b) throw new Failure("invalid", "nobody needs to be introduced to themselves");
    const names = [a, b].map((label) => {
      const contact = contacts.byLabel(label);
      if (contact === undefined) throw new Failure("nonexistent", "there is no such contact");
      if (contact.state === "frozen" || contact.state === "revoked")
        throw new Failure("forbidden", `${contact.petname} is ${contact.state}, and cannot be introduced to anybody`);
      return coRecipient ? "" : contact.petname;
    });
    db.transaction(() => {
      if (coRecipient && this.#acquainted(a, b)) return;
      const id = random(INTRODUCTION_ID_SIZE);
      db.sqlite.prepare("INSERT INTO overlay_introducing VALUES (?, ?, ?, 0, ?)").run(id, a, b, clock.now());
      this.#say(a, { kind: "introduction-offer", id, other: b, coRecipient, name: names[1] ?? "" });
      this.#say(b, { kind: "introduction-offer", id, other: a, coRecipient, name: names[0] ?? "" });
    });
  }

  /** Takes or passes on a letter, in the transaction that records it. */
  receive(from: AddressLabel, letter: Exclude<ContactLetter, { kind: "invite-alarm" }>): void {
    if (letter.kind === "introduction-offer") this.#offered(from, letter);
    else if (!this.#pass(from, letter)) this.#arrived(from, letter);
  }

  /** Under the name that the introducer gave, unless another is chosen. @throws Failure nonexistent, invalid, already-exists */
  accept(id: string, petname?: string): void {
    const { db, contacts, identity, random } = this.#c;
    const row = this.row(id);
    if (row === undefined || row.state !== "offered")
      throw new Failure("nonexistent", "there is no such introduction to accept");
    const name = petname === undefined ? freePetname(contacts, row.name, row.other) : givablePetname(contacts, petname);
    db.transaction(() => {
      const { answer, secretKey } = signIntroduction(identity, Buffer.from(id, "hex"), row.other, random);
      const own = this.#say(row.introducer, answer);
      db.sqlite
        .prepare("UPDATE overlay_introduction SET state = 'accepted', name = ?, secret_key = ?, own = ? WHERE id = ?")
        .run(name, secretKey, own, id);
    });
    this.#wake(id);
  }

  /** Refuses, or gives up what was accepted; nobody is told. False if there is no such introduction. */
  cancel(id: string): boolean {
    const row = this.row(id);
    if (row === undefined) return false;
    this.#forget(row);
    return true;
  }

  /** As far as it goes. @throws Failure of the relay client */
  step(id: string): Promise<StepResult> {
    return this.#mutex.run(id, () => this.#next(id));
  }

  /** Whether the introduction with this id is to this identity; true also where it is none. */
  expects(id: string, label: AddressLabel): boolean {
    const row = this.row(id);
    return row === undefined || row.other === label;
  }

  /** The two are contacts; in the caller's transaction. */
  met(id: string, label: AddressLabel): void {
    const row = this.row(id);
    if (row === undefined) return;
    const { db, contacts } = this.#c;
    const by = contacts.byLabel(row.introducer)?.petname ?? "somebody who is no contact any more";
    db.sqlite.prepare("INSERT OR REPLACE INTO overlay_introduced VALUES (?, ?, ?)").run(label, row.introducer, by);
    db.sqlite.prepare("DELETE FROM overlay_introduction WHERE id = ?").run(id);
  }

  /** What the introducer of a contact is called, or was. */
  introducer(label: AddressLabel): string | undefined {
    const row = this.#c.db.sqlite
      .prepare("SELECT introducer, name FROM overlay_introduced WHERE label = ?")
      .get(label) as { introducer: AddressLabel; name: string } | undefined;
    return row && (this.#c.contacts.byLabel(row.introducer)?.petname ?? row.name);
  }

  row(id: string): IntroductionRow | undefined {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_introduction WHERE id = ?").get(id) as
      | IntroductionRow
      | undefined;
  }

  rows(): IntroductionRow[] {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_introduction ORDER BY rowid").all() as IntroductionRow[];
  }

  #offered(from: AddressLabel, letter: Extract<ContactLetter, { kind: "introduction-offer" }>): void {
    const { db, contacts, identity, clock, emit } = this.#c;
    const { other, coRecipient } = letter;
    if (other === identity.label || contacts.byLabel(other) !== undefined) return;
    const rows = this.rows();
    const id = letter.id.toString("hex");
    if (rows.some((row) => row.id === id || (row.other === other && row.introducer === from))) return;
    if (rows.filter((row) => row.introducer === from).length >= INTRODUCTIONS_MAX) return;
    const name = suggestedName(letter.name) ?? `friend-${other.slice(0, 4)}`;
    db.sqlite
      .prepare("INSERT INTO overlay_introduction VALUES (?, ?, ?, ?, 'offered', ?, ?, NULL, NULL, NULL, NULL)")
      .run(id, from, other, name, coRecipient ? 1 : 0, clock.now() + INTRODUCTION_LIFETIME);
    emit({ kind: "introduction-offered", introduction: id, introducer: from, other, name, coRecipient });
  }

  /** Offered before, or one has introduced the other to this user. */
  #acquainted(a: AddressLabel, b: AddressLabel): boolean {
    const row = this.#c.db.sqlite
      .prepare(
        `SELECT 1 FROM overlay_introducing WHERE (a = @a AND b = @b) OR (a = @b AND b = @a) UNION ALL
         SELECT 1 FROM overlay_introduced WHERE (label = @a AND introducer = @b) OR (label = @b AND introducer = @a)`,
      )
      .get({ a, b });
    return row !== undefined;
  }

  /** The introducer hands each letter on once. False if the introduction was not made here. */
  #pass(from: AddressLabel, letter: Exclude<ContactLetter, { kind: "invite-alarm" | "introduction-offer" }>): boolean {
    const { db, contacts } = this.#c;
    const row = db.sqlite.prepare("SELECT a, b, passed FROM overlay_introducing WHERE id = ?").get(letter.id) as
      | IntroducingRow
      | undefined;
    if (row === undefined) return false;
    if (from !== row.a && from !== row.b) return true;
    const bit = letter.kind === "introduction-bundle" ? 4 : from === row.a ? 1 : 2;
    const to = from === row.a ? row.b : row.a;
    const state = contacts.byLabel(to)?.state;
    if ((row.passed & bit) !== 0 || state === undefined || state === "frozen" || state === "revoked") return true;
    db.sqlite.prepare("UPDATE overlay_introducing SET passed = passed | ? WHERE id = ?").run(bit, letter.id);
    this.#say(to, letter);
    return true;
  }

  #arrived(from: AddressLabel, letter: Exclude<ContactLetter, { kind: "invite-alarm" | "introduction-offer" }>): void {
    const { db } = this.#c;
    const id = letter.id.toString("hex");
    const row = this.row(id);
    if (row === undefined || row.introducer !== from) return;
    if (letter.kind === "introduction-answer")
      db.sqlite
        .prepare("UPDATE overlay_introduction SET theirs = ? WHERE id = ? AND theirs IS NULL")
        .run(encodeContactLetter(letter), id);
    else
      db.sqlite
        .prepare("UPDATE overlay_introduction SET bundle = ? WHERE id = ? AND state = 'accepted' AND bundle IS NULL")
        .run(letter.sealed, id);
    db.afterSync(() => this.#wake(id));
  }

  async #next(id: string): Promise<StepResult> {
    const row = this.row(id);
    if (row === undefined) return "idle";
    if (this.#c.clock.now() > row.expires_at) {
      this.#forget(row);
      return "idle";
    }
    if (row.state === "hosting") return this.#sendBundle(row);
    if (row.state !== "accepted" || row.theirs === null || row.own === null || row.secret_key === null) return "idle";
    const own = { label: this.#c.identity.label, secretKey: row.secret_key, answer: answerIn(row.own) };
    const secret = introductionSecret(own, row.other, answerIn(row.theirs), this.#c.clock.now());
    if (secret === undefined) return this.#fail(row);
    if (own.label < row.other) return this.#host(row, secret);
    return row.bundle === null ? "idle" : this.#join(row, secret, row.bundle);
  }

  /** Of the two, the one with the lower label is the host. */
  #host(row: IntroductionRow, secret: Buffer): StepResult {
    const { db, random } = this.#c;
    const { id, name, expires_at: expiresAt } = row;
    db.transaction(() => {
      const bundle = this.#invites.meet({ id, how: "introduction", secret, name, expiresAt });
      const nonce = random(12);
      const sealed = seal(inviteKeys(secret).bundleKey, nonce, bundle, BUNDLE_CONTEXT);
      db.sqlite
        .prepare("UPDATE overlay_introduction SET state = 'hosting', bundle = ?, secret_key = NULL WHERE id = ?")
        .run(Buffer.concat([nonce, sealed]), id);
    });
    return "again";
  }

  async #sendBundle(row: IntroductionRow): Promise<StepResult> {
    // The hello comes at once, so its queue comes first.
    if (!this.#invites.isReady(row.id)) await this.#invites.step(row.id);
    const { bundle, introducer } = row;
    if (bundle === null) throw new Error("a bundle that is not there");
    this.#c.db.transaction(() => {
      this.#say(introducer, { kind: "introduction-bundle", id: Buffer.from(row.id, "hex"), sealed: bundle });
      this.#c.db.sqlite
        .prepare("UPDATE overlay_introduction SET state = 'waiting', bundle = NULL WHERE id = ?")
        .run(row.id);
    });
    return "idle";
  }

  async #join(row: IntroductionRow, secret: Buffer, sealed: Buffer): Promise<StepResult> {
    const { id, other: label, name: petname, expires_at: expiresAt } = row;
    try {
      const bytes = open(inviteKeys(secret).bundleKey, sealed.subarray(0, 12), sealed.subarray(12), BUNDLE_CONTEXT);
      if (bytes === undefined) throw new DecodeError("the bundle does not open");
      const bundle = decodeInviteBundle(bytes);
      await this.#joins.meet({ id, how: "introduction", label, petname, expiresAt, secret, bundle }, () => {
        this.met(id, label);
        this.#c.emit({ kind: "contact-added", contact: label, invite: id });
      });
    } catch (error) {
      if (error instanceof DecodeError || error instanceof SessionFailure) return this.#fail(row);
      throw error;
    }
    this.#wakeJoin(id);
    return "idle";
  }

  /** What came through the introducer is not that identity's: it was forged on the way. */
  #fail(row: IntroductionRow): StepResult {
    this.#c.db.transaction(() => {
      this.#forget(row);
      this.#c.emit({ kind: "introduction-failed", introducer: row.introducer, name: row.name });
    });
    return "idle";
  }

  #forget(row: IntroductionRow): void {
    this.#c.db.sqlite.prepare("DELETE FROM overlay_introduction WHERE id = ?").run(row.id);
    if (this.#invites.cancel(row.id)) this.#c.wakeInvite(row.id);
  }

  /** In the caller's transaction. Returns the letter as it travels. */
  #say(to: AddressLabel, letter: ContactLetter): Buffer {
    const { outbox, random, clock, db, wakeSender } = this.#c;
    const content = encodeContactLetter(letter);
    outbox.add(controlLetter(content, random), [to], clock.now());
    db.afterCommit(() => wakeSender(to));
    return content;
  }
}

function answerIn(bytes: Buffer): IntroductionAnswer {
  const letter = decodeContactLetter(bytes);
  if (letter?.kind !== "introduction-answer") throw new Error("an answer that is none");
  return letter;
}

/** What the introducer calls them, where that can be a petname. */
function suggestedName(name: string): string | undefined {
  try {
    return checkPetname(name);
  } catch {
    return undefined;
  }
}

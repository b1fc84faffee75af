import { createHash } from "node:crypto";
import { type AddressLabel, addressLabel } from "../../foundation/address.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { KeyedMutex } from "../../foundation/mutex.ts";
import { verifyAccountState } from "../../keyring/account-state.ts";
import type { ContactOrigin } from "../../keyring/contacts.ts";
import { SessionFailure } from "../../keyring/device-sessions.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import { INVITE_GRACE } from "../limits.ts";
import { encodeInnerCell } from "../queues/cell.ts";
import { sealCell } from "../queues/cell-seal.ts";
import type { OwnQueue } from "../queues/queues.ts";
import type { StepResult } from "../worker.ts";
import { encodeHelloMessage } from "./hello-message.ts";
import { type InviteBundle, type InviteKeys, inviteKeys, openInviteBundle, sealHello } from "./invite-bundle.ts";
import { type InviteLink, parseInviteLink } from "./invite-link.ts";
import { type JoinContext, MET_STATE } from "./join-context.ts";
import { freePetname, givablePetname } from "./petname.ts";
import { NONCE_SIZE } from "./safety-phrase.ts";
import { SentHellos } from "./sent-hellos.ts";

export interface JoinRow {
  readonly id: string;
  readonly how: ContactOrigin;
  readonly label: AddressLabel;
  readonly state: "claiming" | "greeting" | "greeted";
  /** Link and claim key are there for an invite only. */
  readonly link: string | null;
  readonly petname: string;
  readonly expires_at: number;
  readonly claim_seed: Buffer | null;
  readonly queue: number;
  /** The host decides when it has the hello: no letter goes before the welcome. */
  readonly asks: number;
  readonly hello: Buffer | null;
}

/** What a spoken code or an introduction joins by: the host's bundle came its own way. */
export interface Meeting {
  readonly id: string;
  readonly how: Exclude<ContactOrigin, "invite">;
  readonly label: AddressLabel;
  readonly petname: string;
  readonly expiresAt: number;
  /** Both sides have it, and nobody else. */
  readonly secret: Buffer;
  readonly bundle: InviteBundle;
}

/** What the two sides of a join are, whichever way the bundle came. */
interface Guest {
  readonly label: AddressLabel;
  readonly how: ContactOrigin;
  readonly petname: string;
  readonly queue: OwnQueue;
  readonly bundle: InviteBundle;
  readonly keys: InviteKeys;
}

/** The join cannot be completed, ever; the text is for a person. */
class JoinRefused extends Failure {}

/** Invites that are being accepted here: claiming -> greeting -> greeted -> gone, or greeting again. Every state is on disk before a relay is asked. */
export class Joins {
  readonly #c: JoinContext;
  readonly #forget: (label: AddressLabel) => Promise<void>;
  readonly #mutex = new KeyedMutex<string>();
  readonly #hellos: SentHellos;

  /** `forget` removes a contact with its queues and sessions. */
  constructor(context: JoinContext, forget: (label: AddressLabel) => Promise<void>) {
    this.#c = context;
    this.#forget = forget;
    this.#hellos = new SentHellos(context.db);
  }

  /** Writes down what is to be done; `step` does it. @throws Failure for a person: mistyped, expired, own, already a contact, petname */
  begin(text: string, petname: string): JoinRow {
    const { db, contacts, identity, queues, random, clock } = this.#c;
    const link = parseInviteLink(text);
    const id = joinId(link);
    const found = this.row(id);
    if (found !== undefined) return found;
    if (link.inviter === identity.label)
      throw new Failure("invalid", "this is your own invite: send it to the person whom you want to write to");
    const known = contacts.byLabel(link.inviter);
    if (known !== undefined)
      throw new Failure("already-exists", `the invite is from ${known.petname}, who is your contact already`);
    if (link.expiresAt <= clock.now()) throw new Failure("invalid", "this invite has expired: ask for a new one");
    const name = givablePetname(contacts, petname);
    if (this.rows().some((row) => row.petname === name && row.label !== link.inviter))
      throw new Failure("already-exists", `another invite is being accepted under the name ${name}: choose another`);
    db.transaction(() => {
      const earlier = this.of(link.inviter);
      if (earlier !== undefined) this.#remove(earlier);
      const queue = queues.create();
      db.sqlite
        .prepare("INSERT INTO overlay_join VALUES (?, 'invite', ?, 'claiming', ?, ?, ?, ?, ?, 0, NULL)")
        .run(id, link.inviter, text, name, link.expiresAt, random(32), queue.id);
    });
    const row = this.row(id);
    if (row === undefined) throw new Error("the join that was just written is not there");
    return row;
  }

  /**
   * Takes the host's bundle of a spoken code or an introduction; `alongside` runs in the same transaction. `advance` then
   * sends the hello. @throws DecodeError, SessionFailure where the bundle is not what that host would send; Failure
   */
  async meet(meeting: Meeting, alongside: () => void): Promise<void> {
    const { db, queues, sessions } = this.#c;
    const { id, how, label, petname, expiresAt } = meeting;
    const queue = queues.create();
    try {
      await sessions.run(label, () =>
        this.#take(
          { label, how, petname, queue, bundle: meeting.bundle, keys: inviteKeys(meeting.secret) },
          (hello) => {
            const earlier = this.of(label);
            if (earlier?.state === "claiming") queues.remove(earlier.queue);
            db.sqlite.prepare("DELETE FROM overlay_join WHERE label = ?").run(label);
            db.sqlite
              .prepare("INSERT INTO overlay_join VALUES (?, ?, ?, 'greeting', NULL, ?, ?, NULL, ?, 0, ?)")
              .run(id, how, label, petname, expiresAt, queue.id, hello);
            alongside();
          },
        ),
      );
    } catch (error) {
      queues.remove(queue.id);
      throw error;
    }
  }

  /** Goes as far as it can. @throws Failure; a join that can never succeed is removed first */
  async advance(id: string): Promise<void> {
    const refused = await this.#advance(id, () => undefined);
    if (refused !== undefined) throw refused;
  }

  /** As advance, for a worker: tells by an event if the join cannot succeed. */
  async step(id: string): Promise<StepResult> {
    await this.#advance(id, ({ message: text }) => this.#c.emit({ kind: "join-failed", invite: id, text }));
    return "idle";
  }

  /** Hosts that have not fetched their hello in weeks are greeted again, by `step`. */
  sweep(): void {
    this.#c.db.transaction(() => this.#hellos.sendAgain(this.#c.clock.now()));
  }

  /** `tell` runs in the transaction in which a join that can never succeed goes, or before. */
  #advance(id: string, tell: (refused: JoinRefused) => void): Promise<JoinRefused | undefined> {
    return this.#mutex.run(id, async () => {
      try {
        this.#checkTime(id);
        if (this.row(id)?.state === "claiming") await this.#claim(id);
        if (this.row(id)?.state === "greeting") await this.#greet(id);
        return undefined;
      } catch (error) {
        if (!(error instanceof JoinRefused)) throw error;
        await this.#giveUp(id, () => tell(error));
        return error;
      }
    });
  }

  row(id: string): JoinRow | undefined {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_join WHERE id = ?").get(id) as JoinRow | undefined;
  }

  of(label: AddressLabel): JoinRow | undefined {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_join WHERE label = ?").get(label) as JoinRow | undefined;
  }

  /** Whether letters to this contact may go: not before the hello, nor before the welcome of a host that asks. */
  takesLetters(label: AddressLabel): boolean {
    const row = this.of(label);
    return row === undefined || (row.state !== "greeting" && row.asks === 0);
  }

  rows(): JoinRow[] {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_join ORDER BY rowid").all() as JoinRow[];
  }

  /** The inviter has answered; in the caller's transaction. False if nobody waited for that. */
  confirm(label: AddressLabel): boolean {
    return this.#c.db.sqlite.prepare("DELETE FROM overlay_join WHERE label = ?").run(label).changes > 0;
  }

  /** False if there is no such join. */
  async cancel(id: string): Promise<boolean> {
    return this.#mutex.run(id, async () => {
      const row = this.row(id);
      if (row === undefined) return false;
      if (row.state !== "claiming") await this.#forget(row.label);
      else this.#c.db.transaction(() => this.#remove(row));
      return true;
    });
  }

  async #giveUp(id: string, tell: () => void): Promise<void> {
    const row = this.row(id);
    this.#c.db.transaction(() => {
      if (row?.state === "claiming") this.#remove(row);
      tell();
    });
    if (row !== undefined && row.state !== "claiming") await this.#forget(row.label);
  }

  /** The host was to decide, and has not, or has decided against. @throws JoinRefused */
  #checkTime(id: string): void {
    const row = this.row(id);
    if (row === undefined || row.asks === 0 || this.#c.clock.now() <= row.expires_at + INVITE_GRACE) return;
    throw new JoinRefused("forbidden", "the one who made this invite did not let you in: ask for a new one");
  }

  async #claim(id: string): Promise<void> {
    const { client, clock, queues } = this.#c;
    const row = this.row(id);
    const queue = row === undefined ? undefined : queues.own(row.queue);
    if (row === undefined || queue === undefined || row.link === null || row.claim_seed === null) return;
    const link = parseInviteLink(row.link);
    const keys = inviteKeys(link.secret);
    const claim = await client.claimSlot(link.relay, keys.slotId, row.claim_seed).catch((error: unknown) => {
      // The relay that answers is not the one that the link names, or it will not have us: trying again changes nothing.
      if (error instanceof Failure && error.code === "forbidden") throw new JoinRefused(error.code, error.message);
      if (error instanceof Failure && link.expiresAt <= clock.now()) throw new JoinRefused("invalid", EXPIRED);
      throw error;
    });
    if (claim.kind !== "cell") {
      if (claim.kind === "burned") throw new JoinRefused("forbidden", BURNED);
      if (claim.kind === "expired") throw new JoinRefused("invalid", EXPIRED);
      throw new JoinRefused("nonexistent", GONE);
    }
    try {
      const bundle = openInviteBundle(claim.cell, keys);
      const guest = { label: link.inviter, how: row.how, petname: row.petname, queue, bundle, keys };
      await this.#c.sessions.run(link.inviter, () =>
        this.#take(guest, (hello) =>
          this.#c.db.sqlite
            .prepare("UPDATE overlay_join SET state = 'greeting', hello = ?, asks = ? WHERE id = ?")
            .run(hello, bundle.asks ? 1 : 0, row.id),
        ),
      );
    } catch (error) {
      if (error instanceof DecodeError || error instanceof SessionFailure)
        throw new JoinRefused("damaged", TAMPERED, { cause: error });
      throw error;
    }
  }

  /** Pins the host, begins the session and writes the hello, in one transaction. @throws DecodeError, SessionFailure, Failure */
  async #take({ label, how, petname, queue, bundle, keys }: Guest, write: (hello: Buffer) => void): Promise<void> {
    const { db, contacts, device, identity, queues, chains, phrases, random, clock, outbox, afterHello } = this.#c;
    const verified = verifyAccountState(bundle.accountState, clock.now());
    if (verified.kind === "invalid" || addressLabel(verified.signed.state.masterPublicKey) !== label)
      throw new DecodeError("the account state in the bundle is not the host's");
    const { devices } = verified.signed.state;
    const steps = device.sessions(
      identity.label,
      (name, id, key) => name === label && devices.some((one) => one.deviceId === id && one.identityKey.equals(key)),
    );
    const hostDevice = await steps.begin(label, bundle.preKeys, clock.now());
    const accountState = identity.accountState().bytes;
    const phraseNonce = random(NONCE_SIZE);
    const message = encodeHelloMessage({ queue: queues.address(queue), nonce: phraseNonce }, accountState);
    const first = await steps.encrypt(label, hostDevice, message, clock.now());
    const nonce = random(12);
    const sealed = sealHello({ accountState, deviceId: device.deviceId, firstMessage: first.bytes }, keys, nonce);
    const hello = encodeInnerCell({ kind: "hello", nonce, sealed });
    await db.commit(() => {
      if (contacts.byLabel(label) === undefined)
        contacts.add({ label, petname: freePetname(contacts, petname, label), state: MET_STATE[how], how });
      else if (how === "spoken-code") contacts.setState(label, MET_STATE[how]);
      const pinned = contacts.pinAccountState(label, bundle.accountState).kind;
      if (pinned !== "pinned" && pinned !== "unchanged") throw new DecodeError("the host's account state is outdated");
      steps.write();
      chains.remove(label);
      queues.setContact(label, bundle.queue);
      queues.setLabel(queue.id, label);
      phrases.setGuest(label, phraseNonce, bundle.commitment);
      for (const content of afterHello()) outbox.add(controlLetter(content, random), [label], clock.now());
      write(hello);
      this.#c.companion.met(label, undefined);
    });
  }

  async #greet(id: string): Promise<void> {
    const { db, client, queues, random, clock, read, wakeSender } = this.#c;
    const row = this.row(id);
    const queue = row === undefined ? undefined : queues.own(row.queue);
    const address = row === undefined ? undefined : queues.contact(row.label);
    if (row?.hello == null || queue === undefined || address === undefined) return;
    // The inviter answers into this queue at once, so it comes first.
    await client.createQueue(queue.relay, queue);
    if (queue.state === "new") queues.setState(queue.id, "ready");
    read(queue.id);
    const cell = sealCell(address.queueKey, "postern cell 1", row.hello, random(12));
    const outcome = await client.send(address.relay, address, cell);
    if (outcome === "full") throw new Failure("unavailable", "the inviter's queue is full: it is tried again");
    if (outcome === "gone") throw new JoinRefused("nonexistent", GONE);
    db.transaction(() => {
      db.sqlite.prepare("UPDATE overlay_join SET state = 'greeted' WHERE id = ? AND state = 'greeting'").run(id);
      this.#hellos.note(id, clock.now());
    });
    wakeSender(row.label);
  }

  /** Of a join that is still claiming: its queue was never made. */
  #remove(row: JoinRow): void {
    this.#c.db.sqlite.prepare("DELETE FROM overlay_join WHERE id = ?").run(row.id);
    this.#c.queues.remove(row.queue);
  }
}

const BURNED =
  "somebody else has tried to use this invite too, so it is dead: tell the one who made it, and ask for a new one on a safer way";
const EXPIRED = "this invite has expired: ask for a new one";
const GONE =
  "this invite was used already, or withdrawn: if it was not you who used it, tell the one who made it, and ask for a new one";
const TAMPERED = "what lies at the relay is not what the link promises: somebody has changed it; ask for a new invite";

function joinId(link: InviteLink): string {
  return createHash("sha256").update("postern join").update(link.secret).digest("hex").slice(0, 16);
}

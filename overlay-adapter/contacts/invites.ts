import { type AddressLabel, addressLabel } from "../../foundation/address.ts";
import { decodeBase32 } from "../../foundation/base32.ts";
import { DecodeError, equalConstantTime } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { verifyAccountState } from "../../keyring/account-state.ts";
import type { ContactOrigin } from "../../keyring/contacts.ts";
import type { ReservedPreKeys } from "../../keyring/device.ts";
import { SessionFailure } from "../../keyring/device-sessions.ts";
import type { DropReason } from "../events.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import { INVITE_GRACE, INVITE_LIFETIME_MAX, INVITES_MAX } from "../limits.ts";
import type { HelloCell } from "../queues/queue-reader.ts";
import type { OwnQueue } from "../queues/queues.ts";
import type { SlotOwner } from "../relay-client/relay-client.ts";
import { encodeControl } from "../sessions/control.ts";
import type { StepResult } from "../worker.ts";
import { encodeContactLetter } from "./contact-letters.ts";
import { decodeHelloMessage, type HelloMessage } from "./hello-message.ts";
import { encodeInviteBundle, type Hello, inviteKeys, openHello, sealInviteBundle } from "./invite-bundle.ts";
import { formatInviteLink } from "./invite-link.ts";
import { type JoinContext, MET_STATE } from "./join-context.ts";
import { freePetname, givablePetname } from "./petname.ts";
import { NONCE_SIZE, phraseCommitment } from "./safety-phrase.ts";

interface InviteRow {
  readonly id: string;
  readonly how: ContactOrigin;
  readonly state: "preparing" | "open" | "asking" | "used" | "closing";
  readonly secret: Buffer;
  /** The own part of the safety phrase. */
  readonly nonce: Buffer;
  readonly asks: number;
  readonly name: string | null;
  readonly expires_at: number;
  readonly queue: number;
  readonly prekey_id: number;
  readonly kyber_prekey_id: number;
  /** The rest is there for an invite only: its link, and its slot at the relay. */
  readonly link: string | null;
  readonly owner_seed: Buffer | null;
  readonly cell: Buffer | null;
  /** Nonce and sealed hello of who asks. */
  readonly hello: Buffer | null;
  /** Who asks, or who took it. */
  readonly label: AddressLabel | null;
}

/** A hello that opened, and who says it. */
interface Guest {
  readonly label: AddressLabel;
  readonly key: Buffer;
  readonly hello: Hello;
}

export interface InviteOptions {
  readonly name: string | undefined;
  readonly expiresAt: number;
  /** Whoever takes it becomes a contact only once the user has said so. */
  readonly asks?: boolean;
  readonly alongside?: (made: { readonly id: string; readonly link: string }) => void;
}

/** What a spoken code or an introduction takes of an invite: there is no slot, the bundle goes its own way. */
export interface MeetingOptions {
  readonly id: string;
  readonly how: Exclude<ContactOrigin, "invite">;
  readonly secret: Buffer;
  readonly name: string;
  readonly expiresAt: number;
}

/**
 * Where somebody is waited for: preparing -> open -> used -> closing -> gone, with asking before used where the user
 * wants to be asked. Every state is on disk before the relay is asked. A used invite's slot stays at the relay to its
 * end, so that a second try is noticed however late it comes.
 */
export class Invites {
  readonly #c: JoinContext;

  constructor(context: JoinContext) {
    this.#c = context;
  }

  /** Writes the invite down; `step` brings it to the relay. @throws Failure invalid, already-exists, full */
  create({ name, expiresAt, asks = false, alongside }: InviteOptions): { readonly id: string; readonly link: string } {
    const { db, contacts, identity, random, clock } = this.#c;
    const now = clock.now();
    if (!(expiresAt > now)) throw new Failure("invalid", "an invite must end in the future");
    if (expiresAt > now + INVITE_LIFETIME_MAX) throw new Failure("invalid", "an invite lasts 30 days at most");
    if (this.pending().length >= INVITES_MAX)
      throw new Failure("full", `you have ${INVITES_MAX} open invites: withdraw some of them first`);
    const petname = name === undefined ? null : givablePetname(contacts, name);
    return db.transaction(() => {
      const secret = random(32);
      const commitment = decodeBase32(identity.label);
      if (commitment === undefined) throw new Error("the own label is no base32");
      const ends = Math.floor(expiresAt / 1000) * 1000;
      const id = random(8).toString("hex");
      const { bundle, queue } = this.#add({ id, how: "invite", secret, name: petname, expiresAt: ends, asks });
      const link = formatInviteLink(
        { expiresAt: ends, secret, inviter: identity.label, relay: queue.relay },
        commitment,
      );
      db.sqlite
        .prepare("UPDATE overlay_invite SET link = ?, owner_seed = ?, cell = ? WHERE id = ?")
        .run(link, random(32), sealInviteBundle(bundle, inviteKeys(secret), random(12)), id);
      alongside?.({ id, link });
      return { id, link };
    });
  }

  /** Waits for the hello of somebody who shares a secret already; in the caller's transaction. Returns the bundle to send. */
  meet(options: MeetingOptions): Buffer {
    return this.#add({ ...options, asks: false }).bundle;
  }

  /** Takes the invite one state further. @throws Failure of the relay client */
  async step(id: string): Promise<StepResult> {
    const { client, queues, clock, emit, db } = this.#c;
    const row = this.#row(id);
    if (row === undefined) return "idle";
    if (row.state === "closing") {
      const slot = slotOwner(row);
      if (slot !== undefined) await client.deleteSlot(this.#c.relay, slot);
      db.sqlite.prepare("DELETE FROM overlay_invite WHERE id = ?").run(id);
      return "idle";
    }
    if (clock.now() > row.expires_at + INVITE_GRACE) {
      this.#close(row);
      if (row.state !== "used" && row.how === "invite") emit({ kind: "invite-expired", invite: id });
      return "again";
    }
    if (row.state === "preparing") {
      const queue = queues.own(row.queue);
      const slot = slotOwner(row);
      if (queue === undefined) throw new Error("an invite without a queue");
      await client.createQueue(queue.relay, queue);
      queues.setState(queue.id, "ready");
      if (row.cell !== null && slot !== undefined) await client.putSlot(this.#c.relay, slot, row.expires_at, row.cell);
      // It may have been withdrawn, or even taken, while the relay was asked.
      db.sqlite
        .prepare("UPDATE overlay_invite SET state = 'open', cell = NULL WHERE id = ? AND state = 'preparing'")
        .run(id);
      this.#c.read(queue.id);
    } else await this.#look(row);
    return this.#row(id)?.state === "closing" ? "again" : "idle";
  }

  /**
   * Takes up the hello in an invite's queue: pins who sent it, begins the session, and answers with a welcome, in one
   * transaction. A hello that does not fit is dropped; one that the user is to be asked about is kept.
   * @throws Failure of the relay client
   */
  async hello(queue: OwnQueue, cell: HelloCell): Promise<"taken" | DropReason> {
    const row = this.#rows().find((row) => row.queue === queue.id);
    if (row === undefined) return queue.label === undefined ? "stranger" : "duplicate";
    if (row.state !== "preparing" && row.state !== "open") return row.label === null ? "stranger" : "duplicate";
    const guest = this.#guest(row, cell.nonce, cell.sealed);
    if (typeof guest === "string") return guest;
    if (await this.#look(row)) return "stranger";
    if (row.asks === 0) return this.#c.sessions.run(guest.label, () => this.#take(row, queue, guest));
    await this.#c.db.commit(() => {
      this.#c.db.sqlite
        .prepare("UPDATE overlay_invite SET state = 'asking', hello = ?, label = ?, cell = NULL WHERE id = ?")
        .run(Buffer.concat([cell.nonce, cell.sealed]), guest.label, row.id);
      this.#c.emit({ kind: "invite-asks", invite: row.id, contact: guest.label });
    });
    return "taken";
  }

  /** The user lets in who asks. @throws Failure nonexistent; forbidden where it was burned meanwhile; of the relay client */
  async approve(id: string): Promise<AddressLabel> {
    const row = this.#row(id);
    const queue = row === undefined ? undefined : this.#c.queues.own(row.queue);
    if (row === undefined || queue === undefined || row.state !== "asking" || row.hello === null)
      throw new Failure("nonexistent", "nobody asks to be let in by that invite");
    if (await this.#look(row))
      throw new Failure("forbidden", "somebody else has tried to use this invite too: it is dead, make a new one");
    const guest = this.#guest(row, row.hello.subarray(0, 12), row.hello.subarray(12));
    if (typeof guest !== "string") {
      const taken = await this.#c.sessions.run(guest.label, () => this.#take(row, queue, guest));
      if (taken === "taken") return guest.label;
    }
    this.#close(row);
    this.#c.wakeInvite(row.id);
    throw new Failure("damaged", "what they sent makes no sense any more: make a new invite");
  }

  /** All that somebody may still become a contact by. */
  pending(): readonly InviteRow[] {
    return this.#rows().filter((row) => row.state !== "closing" && row.state !== "used");
  }

  /** All that `step` still has something to do for. */
  ids(): string[] {
    return this.#rows().map((row) => row.id);
  }

  isReady(id: string): boolean {
    return this.#row(id)?.state === "open";
  }

  /** False if there is no such invite, or it is used or closing. */
  cancel(id: string): boolean {
    const row = this.#row(id);
    if (row === undefined || row.state === "closing" || row.state === "used") return false;
    this.#close(row);
    return true;
  }

  /** Withdraws all that are open, in the caller's transaction: their prekeys are gone. Returns how many. */
  cancelAll(): number {
    const open = this.pending();
    for (const row of open) this.#close(row);
    return open.length;
  }

  #add(options: Omit<MeetingOptions, "how" | "name"> & { how: ContactOrigin; name: string | null; asks: boolean }) {
    const { db, queues, device, identity, random, clock } = this.#c;
    const queue = queues.create();
    const prekeys = device.createBundle(clock.now());
    const nonce = random(NONCE_SIZE);
    db.sqlite
      .prepare(
        "INSERT INTO overlay_invite VALUES (?, ?, 'preparing', ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL)",
      )
      .run(
        options.id,
        options.how,
        options.secret,
        nonce,
        options.asks ? 1 : 0,
        options.name,
        options.expiresAt,
        queue.id,
        prekeys.reserved.preKeyId,
        prekeys.reserved.kyberPreKeyId,
      );
    const bundle = encodeInviteBundle({
      accountState: identity.accountState().bytes,
      preKeys: prekeys.bytes,
      queue: queues.address(queue),
      commitment: phraseCommitment(nonce),
      asks: options.asks,
    });
    return { bundle, queue };
  }

  /** Asks the relay whether there was a second try; true if so, and the invite is dead then. */
  async #look(row: InviteRow): Promise<boolean> {
    const slot = slotOwner(row);
    if (slot === undefined) return false;
    const status = await this.#c.client.slotStatus(this.#c.relay, slot);
    if (row.state === "used" && status === "gone") this.#close(row);
    if (status !== "burned") return false;
    const now = this.#row(row.id);
    if (now === undefined || now.state === "closing") return true;
    this.#c.db.transaction(() => {
      this.#close(now);
      if (now.state === "used" && now.label !== null) this.#alarm(now.id, now.label);
      else this.#c.emit({ kind: "invite-burned", invite: now.id });
    });
    this.#c.wakeInvite(row.id);
    return true;
  }

  /** One of the two who had the link is not who was meant: both contacts are told; in the caller's transaction. */
  #alarm(id: string, label: AddressLabel): void {
    const { db, contacts, outbox, random, clock, emit, wakeSender } = this.#c;
    if (contacts.byLabel(label) === undefined) return;
    outbox.add(controlLetter(encodeContactLetter({ kind: "invite-alarm" }), random), [label], clock.now());
    emit({ kind: "invite-used-twice", invite: id, contact: label });
    db.afterCommit(() => wakeSender(label));
  }

  #guest(row: InviteRow, nonce: Buffer, sealed: Buffer): Guest | DropReason {
    let hello: Hello;
    try {
      hello = openHello(sealed, nonce, inviteKeys(row.secret));
    } catch (error) {
      if (error instanceof DecodeError) return "damaged";
      throw error;
    }
    const verified = verifyAccountState(hello.accountState, this.#c.clock.now());
    if (verified.kind === "invalid") return "stranger";
    const { state } = verified.signed;
    const label = addressLabel(state.masterPublicKey);
    const key = state.devices.find((device) => device.deviceId === hello.deviceId)?.identityKey;
    if (label === this.#c.identity.label || key === undefined) return "stranger";
    if (row.how !== "invite" && !this.#c.expects(row.id, label)) return "stranger";
    return { label, key, hello };
  }

  async #take(row: InviteRow, queue: OwnQueue, { label, key, hello }: Guest): Promise<"taken" | DropReason> {
    const { db, contacts, device, identity, queues, chains, outbox, phrases, random, clock, emit } = this.#c;
    const known = contacts.byLabel(label);
    if (known !== undefined && (known.state === "frozen" || known.state === "revoked")) return "stranger";
    const steps = device.sessions(
      identity.label,
      (name, id, offered) => name === label && id === hello.deviceId && equalConstantTime(key, offered),
    );
    let message: HelloMessage;
    try {
      message = decodeHelloMessage(
        await steps.decrypt(label, hello.deviceId, { type: "first", bytes: hello.firstMessage }),
        hello.accountState,
      );
    } catch (error) {
      if (error instanceof DecodeError) return "damaged";
      if (error instanceof SessionFailure) return "undecryptable";
      throw error;
    }
    const petname = known?.petname ?? freePetname(contacts, row.name ?? undefined, label);
    const taken = await db.commit(() => {
      const now = this.#row(row.id);
      if (now === undefined || now.state === "closing" || now.state === "used") return false;
      if (known === undefined) contacts.add({ label, petname, state: MET_STATE[row.how], how: row.how });
      else if (row.how === "spoken-code") contacts.setState(label, MET_STATE[row.how]);
      const pinned = contacts.pinAccountState(label, hello.accountState).kind;
      if (pinned !== "pinned" && pinned !== "unchanged") {
        if (known === undefined) throw new Error("a new contact's account state could not be pinned");
        return false;
      }
      steps.write();
      chains.remove(label);
      queues.setContact(label, message.queue);
      queues.setLabel(queue.id, label);
      phrases.setHost(row.nonce, { label, nonce: message.nonce });
      outbox.add(controlLetter(encodeControl({ kind: "welcome", nonce: row.nonce }), random), [label], clock.now());
      device.discardPreKeys(reserved(row));
      db.sqlite
        .prepare("UPDATE overlay_invite SET state = ?, cell = NULL, hello = NULL, label = ? WHERE id = ?")
        .run(row.how === "invite" ? "used" : "closing", label, row.id);
      this.#c.met(row.id, label);
      this.#c.companion.met(label, row.how === "invite" ? row.id : undefined);
      emit({ kind: "contact-added", contact: label, invite: row.id });
      return true;
    });
    if (!taken) return "stranger";
    this.#c.wakeInvite(row.id);
    this.#c.wakeSender(label);
    return "taken";
  }

  /** Nobody can take it any more: the relay is yet to be told. */
  #close(row: InviteRow): void {
    const { db, queues, device } = this.#c;
    db.transaction(() => {
      if (row.state !== "used") {
        queues.setState(row.queue, "deleting");
        device.discardPreKeys(reserved(row));
      }
      db.sqlite
        .prepare("UPDATE overlay_invite SET state = 'closing', cell = NULL, hello = NULL WHERE id = ?")
        .run(row.id);
    });
    if (row.state !== "used") db.afterCommit(() => this.#c.read(row.queue));
  }

  #row(id: string): InviteRow | undefined {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_invite WHERE id = ?").get(id) as InviteRow | undefined;
  }

  #rows(): InviteRow[] {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_invite ORDER BY rowid").all() as InviteRow[];
  }
}

function slotOwner({ secret, owner_seed }: InviteRow): SlotOwner | undefined {
  return owner_seed === null ? undefined : { slotId: inviteKeys(secret).slotId, ownerSeed: owner_seed };
}

function reserved(row: InviteRow): ReservedPreKeys {
  return { preKeyId: row.prekey_id, kyberPreKeyId: row.kyber_prekey_id };
}

import { type AddressLabel, addressLabel } from "../foundation/address.ts";
import { decodeBase32 } from "../foundation/base32.ts";
import { DecodeError, equalConstantTime } from "../foundation/bytes.ts";
import { Failure } from "../foundation/failure.ts";
import { verifyAccountState } from "../keyring/account-state.ts";
import type { ReservedPreKeys } from "../keyring/device.ts";
import { SessionFailure } from "../keyring/device-sessions.ts";
import { encodeControl } from "./control.ts";
import type { DropReason } from "./events.ts";
import { decodeHelloMessage } from "./hello-message.ts";
import { type Hello, type InviteKeys, inviteKeys, openHello, sealInviteBundle } from "./invite-bundle.ts";
import { formatInviteLink } from "./invite-link.ts";
import type { JoinContext } from "./join-context.ts";
import { INVITE_GRACE, INVITE_LIFETIME_MAX, INVITES_MAX } from "./limits.ts";
import { freePetname, givablePetname } from "./petname.ts";
import { controlLetter } from "./prepared-letter.ts";
import type { HelloCell } from "./queue-reader.ts";
import type { OwnQueue } from "./queues.ts";
import type { SlotOwner } from "./relay-client.ts";
import type { StepResult } from "./worker.ts";

interface InviteRow {
  readonly id: string;
  readonly state: "preparing" | "open" | "closing";
  readonly secret: Buffer;
  readonly owner_seed: Buffer;
  readonly name: string | null;
  readonly expires_at: number;
  readonly link: string;
  readonly queue: number;
  readonly prekey_id: number;
  readonly kyber_prekey_id: number;
  readonly cell: Buffer | null;
}

/** Invites made here: preparing -> open -> closing -> gone. Every state is on disk before the relay is asked. */
export class Invites {
  readonly #c: JoinContext;

  constructor(context: JoinContext) {
    this.#c = context;
  }

  /** Writes the invite down; `step` brings it to the relay. @throws Failure invalid, already-exists, full */
  create(name: string | undefined, expiresAt: number): { readonly id: string; readonly link: string } {
    const { db, contacts, queues, device, identity, random, clock } = this.#c;
    const now = clock.now();
    if (!(expiresAt > now)) throw new Failure("invalid", "an invite must end in the future");
    if (expiresAt > now + INVITE_LIFETIME_MAX) throw new Failure("invalid", "an invite lasts 30 days at most");
    if (this.#rows().length >= INVITES_MAX)
      throw new Failure("full", `you have ${INVITES_MAX} open invites: withdraw some of them first`);
    const petname = name === undefined ? null : givablePetname(contacts, name);
    return db.transaction(() => {
      const queue = queues.create();
      const secret = random(32);
      const prekeys = device.createBundle(now);
      const commitment = decodeBase32(identity.label);
      if (commitment === undefined) throw new Error("the own label is no base32");
      const ends = Math.floor(expiresAt / 1000) * 1000;
      const link = formatInviteLink(
        { expiresAt: ends, secret, inviter: identity.label, relay: queue.relay },
        commitment,
      );
      const bundle = {
        accountState: identity.accountState().bytes,
        preKeys: prekeys.bytes,
        queue: queues.address(queue),
      };
      const cell = sealInviteBundle(bundle, inviteKeys(secret), random(12));
      const id = random(8).toString("hex");
      db.sqlite
        .prepare("INSERT INTO overlay_invite VALUES (?, 'preparing', ?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .run(
          id,
          secret,
          random(32),
          petname,
          ends,
          link,
          queue.id,
          prekeys.reserved.preKeyId,
          prekeys.reserved.kyberPreKeyId,
          cell,
        );
      return { id, link };
    });
  }

  /** Takes the invite one state further. @throws Failure of the relay client */
  async step(id: string): Promise<StepResult> {
    const { client, queues, clock, emit, db } = this.#c;
    const row = this.#row(id);
    if (row === undefined) return "idle";
    const queue = queues.own(row.queue);
    if (row.state === "closing" || queue === undefined) {
      await client.deleteSlot(this.#c.relay, slotOwner(row));
      db.sqlite.prepare("DELETE FROM overlay_invite WHERE id = ?").run(id);
      return "idle";
    }
    if (clock.now() > row.expires_at + INVITE_GRACE) {
      this.#close(row);
      emit({ kind: "invite-expired", invite: id });
      return "again";
    }
    if (row.state === "preparing") {
      await client.createQueue(queue.relay, queue);
      queues.setState(queue.id, "ready");
      if (row.cell !== null) await client.putSlot(this.#c.relay, slotOwner(row), row.expires_at, row.cell);
      // It may have been withdrawn, or even taken, while the relay was asked.
      db.sqlite
        .prepare("UPDATE overlay_invite SET state = 'open', cell = NULL WHERE id = ? AND state = 'preparing'")
        .run(id);
      this.#c.read(queue.id);
      return this.#row(id)?.state === "closing" ? "again" : "idle";
    }
    if ((await client.slotStatus(this.#c.relay, slotOwner(row))) === "burned") this.#burn(row);
    return this.#row(id)?.state === "closing" ? "again" : "idle";
  }

  /**
   * Takes up the hello in an invite's queue: pins who sent it, begins the session, and answers with a welcome, in one
   * transaction. A hello that does not fit is dropped. @throws Failure of the relay client
   */
  async hello(queue: OwnQueue, cell: HelloCell): Promise<"taken" | DropReason> {
    const row = this.#rows().find((row) => row.queue === queue.id);
    if (row === undefined || row.state === "closing") return queue.label === undefined ? "stranger" : "duplicate";
    const keys: InviteKeys = inviteKeys(row.secret);
    let hello: Hello;
    try {
      hello = openHello(cell.sealed, cell.nonce, keys);
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
    if ((await this.#c.client.slotStatus(this.#c.relay, slotOwner(row))) === "burned") {
      this.#burn(row);
      this.#c.wakeInvite(row.id);
      return "stranger";
    }
    return this.#c.sessions.run(label, () => this.#take(row, queue, label, key, hello));
  }

  pending(): readonly InviteRow[] {
    return this.#rows().filter((row) => row.state !== "closing");
  }

  /** All that `step` still has something to do for. */
  ids(): string[] {
    return this.#rows().map((row) => row.id);
  }

  isReady(id: string): boolean {
    return this.#row(id)?.state === "open";
  }

  /** False if there is no such invite, or it is closing. */
  cancel(id: string): boolean {
    const row = this.#row(id);
    if (row === undefined || row.state === "closing") return false;
    this.#close(row);
    return true;
  }

  /** Withdraws all that are open, in the caller's transaction: their prekeys are gone. Returns how many. */
  cancelAll(): number {
    const open = this.pending();
    for (const row of open) this.#close(row);
    return open.length;
  }

  async #take(
    row: InviteRow,
    queue: OwnQueue,
    label: AddressLabel,
    key: Buffer,
    hello: Hello,
  ): Promise<"taken" | DropReason> {
    const { db, contacts, device, identity, queues, chains, outbox, random, clock, emit } = this.#c;
    const known = contacts.byLabel(label);
    if (known !== undefined && (known.state === "frozen" || known.state === "revoked")) return "stranger";
    const steps = device.sessions(
      identity.label,
      (name, id, offered) => name === label && id === hello.deviceId && equalConstantTime(key, offered),
    );
    let answers: ReturnType<typeof decodeHelloMessage>;
    try {
      answers = decodeHelloMessage(
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
      if (known === undefined) contacts.add({ label, petname, state: "invited", how: "invite" });
      const pinned = contacts.pinAccountState(label, hello.accountState).kind;
      if (pinned !== "pinned" && pinned !== "unchanged") {
        if (known === undefined) throw new Error("a new contact's account state could not be pinned");
        return false;
      }
      steps.write();
      chains.remove(label);
      queues.setContact(label, answers);
      queues.setLabel(queue.id, label);
      outbox.add(controlLetter(encodeControl({ kind: "welcome" }), random), [label], clock.now());
      device.discardPreKeys(reserved(row));
      db.sqlite.prepare("UPDATE overlay_invite SET state = 'closing', cell = NULL WHERE id = ?").run(row.id);
      return true;
    });
    if (!taken) return "stranger";
    emit({ kind: "contact-added", contact: label, invite: row.id });
    this.#c.wakeInvite(row.id);
    this.#c.wakeSender(label);
    return "taken";
  }

  #burn(row: InviteRow): void {
    this.#close(row);
    this.#c.emit({ kind: "invite-burned", invite: row.id });
  }

  /** Nobody can take it any more: the relay is yet to be told. */
  #close(row: InviteRow): void {
    const { db, queues, device } = this.#c;
    db.transaction(() => {
      queues.setState(row.queue, "deleting");
      device.discardPreKeys(reserved(row));
      db.sqlite.prepare("UPDATE overlay_invite SET state = 'closing', cell = NULL WHERE id = ?").run(row.id);
    });
    this.#c.read(row.queue);
  }

  #row(id: string): InviteRow | undefined {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_invite WHERE id = ?").get(id) as InviteRow | undefined;
  }

  #rows(): InviteRow[] {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_invite ORDER BY rowid").all() as InviteRow[];
  }
}

function slotOwner(row: InviteRow): SlotOwner {
  return { slotId: inviteKeys(row.secret).slotId, ownerSeed: row.owner_seed };
}

function reserved(row: InviteRow): ReservedPreKeys {
  return { preKeyId: row.prekey_id, kyberPreKeyId: row.kyber_prekey_id };
}

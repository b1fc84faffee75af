import { type AddressLabel, addressLabel } from "../../foundation/address.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { KeyedMutex } from "../../foundation/mutex.ts";
import { decodeAccountState } from "../../keyring/account-state.ts";
import { SessionFailure } from "../../keyring/device-sessions.ts";
import { formatRelayUrl, parseRelayUrl, type RelayAddress, withoutToken } from "../../relay/relay-url.ts";
import type { DropReason } from "../events.ts";
import { NAMEPLATE_TRIES, PAIR_LIFETIME, PAIRS_MAX } from "../limits.ts";
import { encodeInnerCell } from "../queues/cell.ts";
import { sealCell } from "../queues/cell-seal.ts";
import { decodeQueueAddress, encodeQueueAddress } from "../queues/queue-address.ts";
import type { HelloCell } from "../queues/queue-reader.ts";
import type { OwnQueue } from "../queues/queues.ts";
import type { SlotOwner } from "../relay-client/relay-client.ts";
import type { StepResult } from "../worker.ts";
import { cpaceShare } from "./cpace.ts";
import { decodeInviteBundle } from "./invite-bundle.ts";
import type { Invites } from "./invites.ts";
import type { JoinContext, MeetingParts } from "./join-context.ts";
import type { Joins } from "./joins.ts";
import { formatPairCode, newPairCode, parsePairCode } from "./pair-code.ts";
import {
  answerPair,
  nameplateKeys,
  openPairOffer,
  pairInputs,
  SESSION_SIZE,
  sealPairOffer,
  takePairAnswer,
} from "./pair-messages.ts";
import { givablePetname } from "./petname.ts";

export interface PairRow {
  readonly id: string;
  readonly role: "maker" | "taker";
  /** maker: preparing -> open -> closing, or burned first; taker: claiming -> answering -> answered. Then it is gone. */
  readonly state: "preparing" | "open" | "burned" | "closing" | "claiming" | "answering" | "answered";
  readonly code: string;
  readonly name: string;
  readonly expires_at: number;
  /** Where the two meet, without a token. */
  readonly relay: string;
  /** Owner key of the maker's slot, or the taker's claim key. */
  readonly seed: Buffer;
  /** The maker's; the taker's are used and forgotten at once. */
  readonly session: Buffer | null;
  readonly scalar: Buffer | null;
  readonly share: Buffer | null;
  readonly queue: number | null;
  /** The taker's answer and where it goes. */
  readonly answer: Buffer | null;
  readonly address: Buffer | null;
}

const WRONG =
  "the code was used up: it was mistyped, or somebody else has tried it. Nobody became a contact; make a new code and say it to each other again";
const EXPIRED = "the spoken code has expired before both of you had used it: make a new one";
const UNKNOWN =
  "nobody waits under this code's number at this relay: it was mistyped, used, withdrawn, or has expired. If the other one uses another relay, say which with --at";

/**
 * Spoken codes, made here and told here. One side lays down its share under the nameplate, the other answers once; the
 * hello of that exchange then goes as an invite's does. All states are on disk before the relay is asked.
 */
export class Pairs {
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

  /** A new code, once the relay has it. @throws Failure invalid, already-exists (petname), full, unavailable */
  async make(petname: string): Promise<PairRow> {
    const { db, contacts, random, queues, clock } = this.#c;
    this.#room();
    const name = givablePetname(contacts, petname);
    const id = random(8).toString("hex");
    db.transaction(() => {
      const queue = queues.create();
      db.sqlite
        .prepare(
          "INSERT INTO overlay_pair VALUES (?, 'maker', 'preparing', '', ?, ?, ?, ?, NULL, NULL, NULL, ?, NULL, NULL)",
        )
        .run(id, name, clock.now() + PAIR_LIFETIME, formatRelayUrl(withoutToken(this.#c.relay)), random(32), queue.id);
    });
    try {
      await this.#mutex.run(id, () => this.#prepare(this.#require(id)));
    } catch (error) {
      this.#drop(this.#require(id));
      throw error;
    }
    return this.#require(id);
  }

  /** Takes a code that was told; `step` goes on. @throws Failure invalid, already-exists */
  take(text: string, petname: string, at?: RelayAddress): PairRow {
    const { db, contacts, random, clock } = this.#c;
    this.#room();
    const code = formatPairCode(parsePairCode(text));
    const relay = formatRelayUrl(withoutToken(at ?? this.#c.relay));
    const known = this.rows().find((row) => row.code === code && row.relay === relay);
    if (known?.role === "maker")
      throw new Failure("invalid", "this is your own code: say it to the one whom you want to write to");
    if (known !== undefined) return known;
    const name = givablePetname(contacts, petname);
    const id = random(8).toString("hex");
    db.sqlite
      .prepare(
        "INSERT INTO overlay_pair VALUES (?, 'taker', 'claiming', ?, ?, ?, ?, ?, NULL, NULL, NULL, NULL, NULL, NULL)",
      )
      .run(id, code, name, clock.now() + PAIR_LIFETIME, relay, random(32));
    return this.#require(id);
  }

  /** As far as it goes. A code that can never succeed is told by an event, and gone. @throws Failure of the relay client */
  step(id: string): Promise<StepResult> {
    return this.#mutex.run(id, () => this.#next(id));
  }

  /** The answer in a maker's queue; undefined if the queue is none. */
  async answer(queue: OwnQueue, cell: HelloCell): Promise<"taken" | DropReason | undefined> {
    const found = this.rows().find((row) => row.queue === queue.id);
    if (found === undefined) return undefined;
    return this.#mutex.run(found.id, () => this.#answered(found.id, queue, cell));
  }

  /** The two are contacts: what is left is to tidy up; in the caller's transaction. */
  met(id: string): void {
    this.#c.db.sqlite.prepare("DELETE FROM overlay_pair WHERE id = ? AND role = 'taker'").run(id);
  }

  /** False if there is no such code. */
  cancel(id: string): boolean {
    const row = this.row(id);
    if (row === undefined || row.state === "closing" || row.state === "burned") return false;
    this.#drop(row);
    return true;
  }

  row(id: string): PairRow | undefined {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_pair WHERE id = ?").get(id) as PairRow | undefined;
  }

  rows(): PairRow[] {
    return this.#c.db.sqlite.prepare("SELECT * FROM overlay_pair ORDER BY rowid").all() as PairRow[];
  }

  /** Without those that are over and only tidied up. */
  pending(): PairRow[] {
    return this.rows().filter(({ state }) => state !== "closing" && state !== "burned");
  }

  async #next(id: string): Promise<StepResult> {
    const { clock, client } = this.#c;
    const row = this.row(id);
    if (row === undefined) return "idle";
    const expired = clock.now() > row.expires_at;
    switch (row.state) {
      case "preparing":
        // The code was never told to anybody.
        this.#drop(row);
        return "again";
      case "burned":
        if (expired) this.#set(row, "closing");
        return expired ? "again" : "idle";
      case "closing":
        if (row.code !== "") await client.deleteSlot(this.#c.relay, slotOwner(row));
        this.#c.db.sqlite.prepare("DELETE FROM overlay_pair WHERE id = ?").run(id);
        return "idle";
      case "open":
        if (expired) return this.#fail(row, EXPIRED);
        return (await client.slotStatus(this.#c.relay, slotOwner(row))) === "burned" ? this.#fail(row, WRONG) : "idle";
      case "claiming":
        return expired ? this.#fail(row, EXPIRED) : this.#claim(row);
      case "answering":
        return expired ? this.#fail(row, EXPIRED) : this.#send(row);
      case "answered":
        return expired ? this.#fail(row, EXPIRED) : this.#watch(row);
    }
  }

  /** Lays the offer down under a nameplate that is free. */
  async #prepare(row: PairRow): Promise<void> {
    const { client, queues, random, db, relay, read } = this.#c;
    const queue = row.queue === null ? undefined : queues.own(row.queue);
    if (queue === undefined) throw new Error("a code without a queue");
    await client.createQueue(queue.relay, queue);
    queues.setState(queue.id, "ready");
    for (let tries = 0; ; tries++) {
      const code = newPairCode(random, tries);
      const session = random(SESSION_SIZE);
      const { scalar, share } = cpaceShare(pairInputs(code, relay, session), random(32));
      const { cellKey } = nameplateKeys(relay, code.nameplate);
      const cell = sealPairOffer({ session, share, queue: queues.address(queue) }, cellKey, random(12));
      db.sqlite
        .prepare("UPDATE overlay_pair SET code = ?, session = ?, scalar = ?, share = ? WHERE id = ?")
        .run(formatPairCode(code), session, scalar, share, row.id);
      try {
        await client.putSlot(relay, slotOwner(this.#require(row.id)), row.expires_at, cell);
        break;
      } catch (error) {
        const taken = error instanceof Failure && error.code === "already-exists";
        if (!taken || tries >= NAMEPLATE_TRIES) throw error;
      }
    }
    this.#set(row, "open");
    read(queue.id);
  }

  /** One guess: right, and the two meet; wrong, and the code is dead. */
  async #answered(id: string, queue: OwnQueue, cell: HelloCell): Promise<"taken" | DropReason> {
    const row = this.row(id);
    if (row === undefined || row.state !== "open" || row.session === null || row.scalar === null || row.share === null)
      return "duplicate";
    const { session, scalar, share } = row;
    const { client, queues, random, relay, identity, contacts } = this.#c;
    const status = await client.slotStatus(relay, slotOwner(row));
    const own = { session, scalar, share, queue: queues.address(queue) };
    const answer = status === "burned" ? undefined : takePairAnswer(own, cell.sealed, cell.nonce);
    if (answer === undefined) {
      // A second claim burns the slot: whoever holds the first learns of it.
      await client.claimSlot(relay, slotOwner(row).slotId, random(32));
      this.#fail(row, WRONG);
      return "stranger";
    }
    try {
      const bundle = decodeInviteBundle(answer.bundle);
      const label = labelOf(bundle.accountState);
      if (label === identity.label) throw new DecodeError("the own identity");
      const known = contacts.byLabel(label);
      if (known?.state === "frozen" || known?.state === "revoked") {
        this.#fail(row, `it was ${known.petname} who used the code, whom you have ${known.state}: settle that first`);
        return "stranger";
      }
      const { name: petname, expires_at: expiresAt } = row;
      await this.#joins.meet(
        { id, how: "spoken-code", label, petname, expiresAt, secret: answer.secret, bundle },
        () => {
          this.#close(row);
          this.#c.emit({ kind: "contact-added", contact: label, invite: id });
        },
      );
    } catch (error) {
      if (!(error instanceof DecodeError) && !(error instanceof SessionFailure)) throw error;
      this.#fail(row, "whoever knew the code sent something that makes no sense: have both bridges brought up to date");
      return "damaged";
    }
    this.#c.read(queue.id);
    this.#wakeJoin(id);
    this.#wake(id);
    return "taken";
  }

  async #claim(row: PairRow): Promise<StepResult> {
    const { client, db, random } = this.#c;
    const relay = parseRelayUrl(row.relay);
    const code = parsePairCode(row.code);
    const { slotId, cellKey } = nameplateKeys(relay, code.nameplate);
    let claim: Awaited<ReturnType<typeof client.claimSlot>>;
    try {
      claim = await client.claimSlot(relay, slotId, row.seed);
    } catch (error) {
      if (error instanceof Failure && error.code === "forbidden") return this.#fail(row, error.message);
      throw error;
    }
    if (claim.kind === "burned") return this.#fail(row, WRONG);
    if (claim.kind !== "cell") return this.#fail(row, UNKNOWN);
    let offer: ReturnType<typeof openPairOffer>;
    try {
      offer = openPairOffer(claim.cell, cellKey);
    } catch (error) {
      if (error instanceof DecodeError) return this.#fail(row, UNKNOWN);
      throw error;
    }
    const answer = answerPair(code, relay, offer, random(32));
    if (answer === undefined) return this.#fail(row, WRONG);
    db.transaction(() => {
      const { id, name, expires_at: expiresAt } = row;
      const bundle = this.#invites.meet({ id, how: "spoken-code", secret: answer.secret, name, expiresAt });
      const nonce = random(12);
      const inner = encodeInnerCell({ kind: "hello", nonce, sealed: answer.seal(bundle, nonce) });
      db.sqlite
        .prepare("UPDATE overlay_pair SET state = 'answering', answer = ?, address = ? WHERE id = ?")
        .run(inner, encodeQueueAddress(offer.queue), id);
    });
    return "again";
  }

  async #send(row: PairRow): Promise<StepResult> {
    const { client, random } = this.#c;
    if (row.answer === null || row.address === null) throw new Error("an answer that is not there");
    // The hello comes at once, so its queue comes first.
    if (!this.#invites.isReady(row.id)) await this.#invites.step(row.id);
    const address = decodeQueueAddress(row.address);
    const cell = sealCell(address.queueKey, "postern cell 1", row.answer, random(12));
    const outcome = await client.send(address.relay, address, cell);
    if (outcome === "full") return "later";
    if (outcome === "gone") return this.#fail(row, WRONG);
    this.#set(row, "answered");
    return "later";
  }

  /** Until the hello comes: whether the code was burned meanwhile. */
  async #watch(row: PairRow): Promise<StepResult> {
    const relay = parseRelayUrl(row.relay);
    const { slotId } = nameplateKeys(relay, parsePairCode(row.code).nameplate);
    const claim = await this.#c.client.claimSlot(relay, slotId, row.seed);
    if (this.row(row.id) === undefined) return "idle";
    return claim.kind === "burned" ? this.#fail(row, WRONG) : "later";
  }

  #fail(row: PairRow, text: string): StepResult {
    const { db, emit } = this.#c;
    db.transaction(() => {
      if (row.role === "maker") this.#burn(row);
      else this.#drop(row);
      emit({ kind: "pair-failed", pair: row.id, name: row.name, text });
    });
    if (row.queue !== null) this.#c.read(row.queue);
    this.#wake(row.id);
    return "idle";
  }

  /** The slot stays, dead, so that the other side finds out. */
  #burn(row: PairRow): void {
    this.#set(row, "burned");
    if (row.queue !== null) this.#c.queues.setState(row.queue, "deleting");
  }

  #close(row: PairRow): void {
    this.#set(row, "closing");
    if (row.queue !== null) this.#c.queues.setState(row.queue, "deleting");
  }

  #drop(row: PairRow): void {
    if (row.role === "maker") {
      this.#c.db.transaction(() => this.#close(row));
      if (row.queue !== null) this.#c.read(row.queue);
      this.#wake(row.id);
      return;
    }
    this.#c.db.sqlite.prepare("DELETE FROM overlay_pair WHERE id = ?").run(row.id);
    if (this.#invites.cancel(row.id)) this.#c.wakeInvite(row.id);
  }

  /** Nothing of a closed code is secret any more. */
  #set(row: PairRow, state: PairRow["state"]): void {
    const over = state === "closing" || state === "burned";
    this.#c.db.sqlite
      .prepare(
        over
          ? "UPDATE overlay_pair SET state = ?, scalar = NULL WHERE id = ?"
          : "UPDATE overlay_pair SET state = ?, answer = NULL WHERE id = ?",
      )
      .run(state, row.id);
  }

  #room(): void {
    if (this.pending().length >= PAIRS_MAX)
      throw new Failure("full", `${PAIRS_MAX} spoken codes are under way: cancel some of them first`);
  }

  #require(id: string): PairRow {
    const row = this.row(id);
    if (row === undefined) throw new Error("the code that was just written is not there");
    return row;
  }
}

function slotOwner(row: PairRow): SlotOwner {
  const { slotId } = nameplateKeys(parseRelayUrl(row.relay), parsePairCode(row.code).nameplate);
  return { slotId, ownerSeed: row.seed };
}

/** @throws DecodeError */
function labelOf(accountState: Uint8Array): AddressLabel {
  const decoded = decodeAccountState(accountState);
  if (decoded.kind === "invalid") throw new DecodeError(decoded.why);
  return addressLabel(decoded.signed.state.masterPublicKey);
}

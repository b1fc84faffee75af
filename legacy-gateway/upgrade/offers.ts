import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { OFFERS_MAX, OFFERS_PER_ADDRESS, OFFERS_TOLD_A_DAY } from "./limits.ts";

/** How an invitation travelled: encrypted and signed by the sender's key, encrypted by anybody, or for all to read and change. */
export type Came = "signed" | "encrypted" | "clear";

/** An invitation that came in a letter. */
export interface Offer {
  readonly id: number;
  /** The letter's From, in lower case. */
  readonly address: string;
  readonly inviter: AddressLabel;
  readonly link: string;
  readonly came: Came;
  readonly state: "open" | "accepting" | "taken" | "refused" | "failed";
  readonly expiresAt: number;
}

export type NewOffer = Omit<Offer, "id" | "state"> & { readonly seenAt: number };

const STRENGTH: Readonly<Record<Came, number>> = { signed: 2, encrypted: 1, clear: 0 };
const DAY = 24 * 3_600_000;
const COLUMNS = "id, address, inviter, link, came, state, expires_at AS expiresAt";

/**
 * Invitations that came in letters, one for each address and inviter; who writes a thousand letters makes no more of
 * them than who writes one. Synchronous; joins the caller's transaction.
 */
export class Offers {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  /** Whether `add` would change anything; most invitations were seen before. */
  isNews(offer: NewOffer): boolean {
    return this.#change(offer) !== undefined;
  }

  /** True where there is something to tell. */
  add(offer: NewOffer): boolean {
    const change = this.#change(offer);
    change?.run();
    return change?.told === false;
  }

  list(): Offer[] {
    return this.#sqlite.prepare<[], Offer>(`SELECT ${COLUMNS} FROM gateway_upgrade_offer ORDER BY id`).all();
  }

  byId(id: number): Offer | undefined {
    return this.#sqlite.prepare<[number], Offer>(`SELECT ${COLUMNS} FROM gateway_upgrade_offer WHERE id = ?`).get(id);
  }

  of(address: string): Offer[] {
    return this.#sqlite
      .prepare<[string], Offer>(`SELECT ${COLUMNS} FROM gateway_upgrade_offer WHERE address = ? ORDER BY id`)
      .all(address);
  }

  /** Those of that inviter that the user has accepted. */
  accepting(inviter: AddressLabel): Offer[] {
    return this.#sqlite
      .prepare<[string], Offer>(
        `SELECT ${COLUMNS} FROM gateway_upgrade_offer WHERE inviter = ? AND state = 'accepting'`,
      )
      .all(inviter);
  }

  setState(id: number, state: Offer["state"]): void {
    this.#sqlite.prepare("UPDATE gateway_upgrade_offer SET state = ? WHERE id = ?").run(state, id);
  }

  /** All of that address and inviter, if there is one. */
  setStateOf(address: string, inviter: AddressLabel, state: Offer["state"]): void {
    this.#sqlite
      .prepare("UPDATE gateway_upgrade_offer SET state = ? WHERE address = ? AND inviter = ?")
      .run(state, address, inviter);
  }

  /** What the overlay calls the acceptance that is under way. */
  setJoining(id: number, joining: string): void {
    this.#sqlite.prepare("UPDATE gateway_upgrade_offer SET joining = ? WHERE id = ?").run(joining, id);
  }

  /** The acceptance of that name came to nothing. */
  setFailed(joining: string): void {
    this.#sqlite
      .prepare("UPDATE gateway_upgrade_offer SET state = 'failed' WHERE joining = ? AND state = 'accepting'")
      .run(joining);
  }

  /** The next one to tell of; undefined where there is none, or enough was told today. */
  untold(now: number): Offer | undefined {
    const today = this.#sqlite
      .prepare<[number], number>("SELECT count(*) FROM gateway_upgrade_offer WHERE told_at > ?")
      .pluck()
      .get(now - DAY);
    if ((today ?? 0) >= OFFERS_TOLD_A_DAY) return undefined;
    return this.#sqlite
      .prepare<[number], Offer>(
        `SELECT ${COLUMNS} FROM gateway_upgrade_offer WHERE told_at IS NULL AND state = 'open' AND expires_at > ?
         ORDER BY came = 'clear', id LIMIT 1`,
      )
      .get(now);
  }

  setTold(id: number, now: number): void {
    this.#sqlite.prepare("UPDATE gateway_upgrade_offer SET told_at = ? WHERE id = ?").run(now, id);
  }

  /** What can be taken no more, and was not. */
  sweep(now: number): void {
    this.#sqlite
      .prepare("DELETE FROM gateway_upgrade_offer WHERE expires_at < ? AND state IN ('open', 'failed', 'accepting')")
      .run(now - 2 * DAY);
  }

  #change(offer: NewOffer): { readonly told?: false; run(): void } | undefined {
    const { address, inviter, came, seenAt: now } = offer;
    if (offer.expiresAt <= now) return undefined;
    const known = this.of(address);
    const same = known.find((one) => one.inviter === inviter);
    if (same === undefined) {
      const full = known.length >= OFFERS_PER_ADDRESS;
      const room = full || this.#count() >= OFFERS_MAX ? this.#weakest(came, full ? address : undefined) : "there";
      if (room === undefined) return undefined;
      return {
        told: false,
        run: () => {
          if (room !== "there") this.#remove(room);
          this.#insert(offer);
        },
      };
    }
    const over = same.state === "failed" || (same.state === "open" && same.expiresAt <= now);
    if (over) return { told: false, run: () => this.#replace(same.id, offer, "open") };
    // One that was refused stays so, but is there should the user think again. Nothing weaker takes a stronger one's place.
    const fresher = same.state === "refused" && same.expiresAt <= now;
    const stronger = same.state === "open" && STRENGTH[came] > STRENGTH[same.came];
    return fresher || stronger ? { run: () => this.#replace(same.id, offer, undefined) } : undefined;
  }

  #insert({ address, inviter, link, came, expiresAt, seenAt }: NewOffer): void {
    this.#sqlite
      .prepare(
        `INSERT INTO gateway_upgrade_offer (address, inviter, link, came, state, seen_at, expires_at)
         VALUES (?, ?, ?, ?, 'open', ?, ?)`,
      )
      .run(address, inviter, link, came, seenAt, expiresAt);
  }

  #replace(id: number, { link, came, expiresAt, seenAt }: NewOffer, state: "open" | undefined): void {
    this.#sqlite
      .prepare("UPDATE gateway_upgrade_offer SET link = ?, came = ?, expires_at = ?, seen_at = ? WHERE id = ?")
      .run(link, came, expiresAt, seenAt, id);
    if (state !== undefined)
      this.#sqlite
        .prepare("UPDATE gateway_upgrade_offer SET state = ?, told_at = NULL, joining = NULL WHERE id = ?")
        .run(state, id);
  }

  #count(): number {
    return this.#sqlite.prepare<[], number>("SELECT count(*) FROM gateway_upgrade_offer").pluck().get() ?? 0;
  }

  #remove(id: number): void {
    this.#sqlite.prepare("DELETE FROM gateway_upgrade_offer WHERE id = ?").run(id);
  }

  /** What gives way to one that only the sender's key could make: one that anybody could. */
  #weakest(came: Came, address: string | undefined): number | undefined {
    if (came !== "signed") return undefined;
    return this.#sqlite
      .prepare<[string | null, string | null], number>(
        `SELECT id FROM gateway_upgrade_offer WHERE state IN ('open', 'failed') AND came <> 'signed'
           AND (? IS NULL OR address = ?) ORDER BY came = 'encrypted', id LIMIT 1`,
      )
      .pluck()
      .get(address ?? null, address ?? null);
  }
}

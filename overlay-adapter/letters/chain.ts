import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { MissingLetters } from "./missing-letters.ts";

/** One direction of one pair of devices: the last letter's number and header hash. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: Buffer;
}

const START: ChainEnd = { seq: 0, hash: Buffer.alloc(32) };

/** A received letter's place in its chain. */
export interface ChainLink extends ChainEnd {
  /** Of the header before it; zeros for a letter without one. */
  readonly prevHash: Buffer;
}

/** Numbers of letters: what was sent last, what was received, what is missing. Synchronous, in the caller's transaction. */
export class Chains {
  readonly missing: MissingLetters;
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.missing = new MissingLetters(db);
    this.#sqlite = db.sqlite;
  }

  sent(label: AddressLabel, deviceId: number): ChainEnd {
    const row = this.#sqlite
      .prepare("SELECT sent_seq AS seq, sent_hash AS hash FROM overlay_chain WHERE label = ? AND device_id = ?")
      .get(label, deviceId);
    return (row as ChainEnd | undefined) ?? START;
  }

  setSent(label: AddressLabel, deviceId: number, end: ChainEnd): void {
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_chain VALUES (?, ?, ?, ?, 0, zeroblob(32))
         ON CONFLICT DO UPDATE SET sent_seq = excluded.sent_seq, sent_hash = excluded.sent_hash`,
      )
      .run(label, deviceId, end.seq, end.hash);
  }

  /**
   * Records the numbers of letters of one device, in the order in which they were received, and notes what is missing
   * before each: letters skipped, or the one just before it if it is not the one that was received under that number. A
   * letter without a letter before it begins the chain anew: its sender sends again what was lost. `forked`: two letters
   * had the number before one of these.
   */
  receive(label: AddressLabel, deviceId: number, letters: readonly ChainLink[], now: number): "forked" | undefined {
    const before = this.#received(label, deviceId);
    let last = before;
    let forked = false;
    for (const letter of letters) {
      if (letter.seq <= last.seq) {
        this.missing.came(label, deviceId, letter.seq);
        continue;
      }
      const skipped = letter.seq > last.seq + 1;
      const begins = START.hash.equals(letter.prevHash);
      const follows = begins || (!skipped && last.hash.equals(letter.prevHash));
      if (!follows) this.missing.note(label, deviceId, skipped ? last.seq + 1 : last.seq, letter.seq, now);
      if (!follows && !skipped) forked = true;
      last = letter;
    }
    if (last !== before) this.#setReceived(label, deviceId, last);
    return forked ? "forked" : undefined;
  }

  /** A new session with the device: the next letter names none before it, for the device may not have it. */
  cut(label: AddressLabel, deviceId: number): void {
    this.#sqlite
      .prepare("UPDATE overlay_chain SET sent_hash = zeroblob(32) WHERE label = ? AND device_id = ?")
      .run(label, deviceId);
  }

  /** This installation is a new device: nobody's chains to it have begun, and its own begin anew. */
  cutAll(): void {
    this.#sqlite
      .prepare("UPDATE overlay_chain SET sent_hash = zeroblob(32), received_seq = 0, received_hash = zeroblob(32)")
      .run();
  }

  /** Forgets the numbers; the ledger's ids stay, so that nothing that was received comes a second time. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_chain WHERE label = ?").run(label);
    this.missing.remove(label);
  }

  #received(label: AddressLabel, deviceId: number): ChainEnd {
    const row = this.#sqlite
      .prepare("SELECT received_seq AS seq, received_hash AS hash FROM overlay_chain WHERE label = ? AND device_id = ?")
      .get(label, deviceId);
    return (row as ChainEnd | undefined) ?? START;
  }

  #setReceived(label: AddressLabel, deviceId: number, end: ChainEnd): void {
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_chain VALUES (?, ?, 0, zeroblob(32), ?, ?)
         ON CONFLICT DO UPDATE SET received_seq = excluded.received_seq, received_hash = excluded.received_hash`,
      )
      .run(label, deviceId, end.seq, end.hash);
  }
}

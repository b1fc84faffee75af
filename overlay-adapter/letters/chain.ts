import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { LEDGER_LIFETIME } from "../limits.ts";
import { MissingLetters } from "./missing-letters.ts";

/** One direction of one pair of devices: the last letter's number and header hash. */
export interface ChainEnd {
  readonly seq: number;
  readonly hash: Buffer;
}

const START: ChainEnd = { seq: 0, hash: Buffer.alloc(32) };

/** Numbers and ids of letters: what was sent last, what was received, what is missing. Synchronous, in the caller's transaction. */
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
   * Records a received letter's number, and notes what is missing before it: letters skipped, or the one just before it if
   * it is not the one that was received under that number. A letter without a letter before it begins the chain anew: its
   * sender sends again what was lost. `forked`: two letters had the number before this one.
   */
  receive(
    label: AddressLabel,
    deviceId: number,
    end: ChainEnd,
    prevHash: Uint8Array,
    now: number,
  ): "forked" | undefined {
    const last =
      (this.#sqlite
        .prepare(
          "SELECT received_seq AS seq, received_hash AS hash FROM overlay_chain WHERE label = ? AND device_id = ?",
        )
        .get(label, deviceId) as ChainEnd | undefined) ?? START;
    if (end.seq <= last.seq) {
      this.missing.came(label, deviceId, end.seq);
      return undefined;
    }
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_chain VALUES (?, ?, 0, zeroblob(32), ?, ?)
         ON CONFLICT DO UPDATE SET received_seq = excluded.received_seq, received_hash = excluded.received_hash`,
      )
      .run(label, deviceId, end.seq, end.hash);
    if (START.hash.equals(prevHash)) return undefined;
    if (end.seq > last.seq + 1) this.missing.note(label, deviceId, last.seq + 1, end.seq, now);
    else if (!last.hash.equals(prevHash)) {
      this.missing.note(label, deviceId, last.seq, end.seq, now);
      return "forked";
    }
    return undefined;
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

  /** True if a letter with this id came from this contact before. */
  seen(label: AddressLabel, letter: Uint8Array): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM overlay_seen WHERE label = ? AND letter = ?").get(label, letter) !== undefined
    );
  }

  /** True if a letter whose cells have this tag was received; libsignal does not always tell a repetition from a forgery. */
  seenTag(label: AddressLabel, tag: Uint8Array): boolean {
    return this.#sqlite.prepare("SELECT 1 FROM overlay_seen WHERE label = ? AND tag = ?").get(label, tag) !== undefined;
  }

  setSeen(label: AddressLabel, letter: Uint8Array, tag: Uint8Array, now: number): void {
    this.#sqlite.prepare("INSERT OR IGNORE INTO overlay_seen VALUES (?, ?, ?, ?)").run(label, letter, tag, now);
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_seen WHERE at < ?").run(now - LEDGER_LIFETIME);
  }

  /** Forgets the numbers; the ids stay, so that nothing that was received comes a second time. */
  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_chain WHERE label = ?").run(label);
    this.missing.remove(label);
  }
}

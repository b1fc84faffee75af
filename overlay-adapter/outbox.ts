import type { AddressLabel } from "../foundation/address.ts";
import type { Database } from "../foundation/database.ts";
import { decodeSlotList, encodeSlotList, type Slot } from "./cell.ts";
import type { LetterFailure } from "./events.ts";
import type { LetterKind } from "./letter-header.ts";
import { FAILED_KEPT, RELAYED_KEPT, STATUS_ROWS, WAIT_LIMIT } from "./limits.ts";
import type { SpooledContent } from "./spool.ts";

/** A letter with all that its recipients share. */
export interface OutgoingLetter extends SpooledContent {
  readonly letter: Buffer;
  readonly kind: LetterKind;
  readonly flags: number;
}

/** One letter on its way to one recipient. */
export interface Delivery {
  readonly id: number;
  readonly letter: Buffer;
  readonly label: AddressLabel;
  readonly kind: LetterKind;
  readonly since: number;
  /** Names the letter in its cells; given with the slots. */
  readonly tag: Buffer | undefined;
  /** Its ratchet messages; undefined while it is not yet encrypted. */
  readonly slots: readonly Slot[] | undefined;
  /** Cells that the relay has, without a gap. */
  readonly accepted: number;
}

export interface DeliveryRow {
  readonly letter: Buffer;
  readonly to: AddressLabel;
  readonly kind: LetterKind;
  readonly state: "waiting" | "encrypted" | "relayed" | "failed";
  readonly reason: LetterFailure | null;
  readonly since: number;
  readonly size: number;
}

/**
 * Letters until the relays have them. waiting -> encrypted -> relayed, or failed from either. All methods are
 * synchronous and join the caller's transaction.
 */
export class Outbox {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  add(letter: OutgoingLetter, recipients: readonly AddressLabel[], now: number): void {
    this.#sqlite
      .prepare("INSERT INTO overlay_letter VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        letter.letter,
        letter.kind,
        letter.flags,
        letter.contentKey,
        letter.manifestHash,
        letter.size,
        letter.inline ?? null,
        letter.file ?? null,
      );
    const insert = this.#sqlite.prepare(
      "INSERT INTO overlay_delivery (letter, label, kind, size, state, since) VALUES (?, ?, ?, ?, 'waiting', ?)",
    );
    for (const label of recipients) insert.run(letter.letter, label, letter.kind, letter.size, now);
  }

  letter(id: Uint8Array): OutgoingLetter | undefined {
    const row = this.#sqlite.prepare("SELECT * FROM overlay_letter WHERE letter = ?").get(id) as
      | {
          letter: Buffer;
          kind: LetterKind;
          flags: number;
          content_key: Buffer;
          manifest_hash: Buffer;
          size: number;
          content: Buffer | null;
          file: string | null;
        }
      | undefined;
    if (row === undefined) return undefined;
    return {
      letter: row.letter,
      kind: row.kind,
      flags: row.flags,
      contentKey: row.content_key,
      manifestHash: row.manifest_hash,
      size: row.size,
      inline: row.content ?? undefined,
      file: row.file ?? undefined,
    };
  }

  /** The oldest that are not done, in the order in which they were enqueued. */
  next(label: AddressLabel, limit: number): Delivery[] {
    const rows = this.#sqlite
      .prepare(
        `SELECT id, letter, label, kind, since, tag, slots, accepted FROM overlay_delivery
         WHERE label = ? AND state IN ('waiting', 'encrypted') ORDER BY id LIMIT ?`,
      )
      .all(label, limit) as (Omit<Delivery, "tag" | "slots"> & { tag: Buffer | null; slots: Buffer | null })[];
    return rows.map((row) => ({
      ...row,
      tag: row.tag ?? undefined,
      slots: row.slots === null ? undefined : decodeSlotList(row.slots),
    }));
  }

  /** Contacts that anything waits for. */
  labels(): AddressLabel[] {
    return this.#sqlite
      .prepare("SELECT DISTINCT label FROM overlay_delivery WHERE state IN ('waiting', 'encrypted')")
      .pluck()
      .all() as AddressLabel[];
  }

  setEncrypted(id: number, tag: Buffer, slots: readonly Slot[]): void {
    this.#sqlite
      .prepare("UPDATE overlay_delivery SET state = 'encrypted', tag = ?, slots = ? WHERE id = ? AND state = 'waiting'")
      .run(tag, encodeSlotList(slots), id);
  }

  setAccepted(id: number, cells: number): void {
    this.#sqlite
      .prepare("UPDATE overlay_delivery SET accepted = ? WHERE id = ? AND state = 'encrypted'")
      .run(cells, id);
  }

  /** Returns the spooled file that nobody needs any more, if there is one. */
  setRelayed(delivery: Delivery, now: number): string | undefined {
    this.#sqlite
      .prepare(
        "UPDATE overlay_delivery SET state = 'relayed', tag = NULL, slots = NULL, since = ? WHERE id = ? AND state = 'encrypted'",
      )
      .run(now, delivery.id);
    return this.release(delivery.letter);
  }

  setFailed(delivery: Pick<Delivery, "id" | "letter">, reason: LetterFailure, now: number): string | undefined {
    this.#sqlite
      .prepare(
        `UPDATE overlay_delivery SET state = 'failed', reason = ?, tag = NULL, slots = NULL, since = ?, told = (kind = 'control')
         WHERE id = ? AND state IN ('waiting', 'encrypted')`,
      )
      .run(reason, now, delivery.id);
    return this.release(delivery.letter);
  }

  /** What was encrypted for the contact is to be encrypted anew: for another session, or other devices. */
  encryptAnew(label: AddressLabel): void {
    this.#sqlite
      .prepare(
        `UPDATE overlay_delivery SET state = 'waiting', tag = NULL, slots = NULL, accepted = 0
         WHERE label = ? AND state = 'encrypted'`,
      )
      .run(label);
  }

  /** Sends a relayed letter once more. False where its content is gone; its sender is to be told then. */
  sendAgain(id: Uint8Array, label: AddressLabel, now: number): boolean {
    const letter = this.letter(id);
    const state = letter === undefined ? "failed" : "waiting";
    this.#sqlite
      .prepare(
        `INSERT INTO overlay_delivery (letter, label, kind, size, state, reason, since) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since, told = 0, accepted = 0
         WHERE state = 'relayed'`,
      )
      .run(id, label, letter?.kind ?? "mail", letter?.size ?? 0, state, letter === undefined ? "lost" : null, now);
    return letter !== undefined;
  }

  /** All that waits for this contact. */
  open(label: AddressLabel): Pick<Delivery, "id" | "letter" | "kind">[] {
    return this.#sqlite
      .prepare("SELECT id, letter, kind FROM overlay_delivery WHERE label = ? AND state IN ('waiting', 'encrypted')")
      .all(label) as Pick<Delivery, "id" | "letter" | "kind">[];
  }

  /** Failed letters whose sender was not told yet. */
  untold(): { letter: Buffer; label: AddressLabel; reason: LetterFailure }[] {
    return this.#sqlite
      .prepare("SELECT letter, label, reason FROM overlay_delivery WHERE state = 'failed' AND told = 0 ORDER BY id")
      .all() as { letter: Buffer; label: AddressLabel; reason: LetterFailure }[];
  }

  setTold(letter: Uint8Array, label: AddressLabel): void {
    this.#sqlite.prepare("UPDATE overlay_delivery SET told = 1 WHERE letter = ? AND label = ?").run(letter, label);
  }

  /** Files of the spool that letters still need. */
  files(): Set<string> {
    const names = this.#sqlite.prepare("SELECT file FROM overlay_letter WHERE file IS NOT NULL").pluck().all();
    return new Set(names as string[]);
  }

  count(): { waiting: number; failed: number } {
    const rows = this.#sqlite.prepare("SELECT state, count(*) AS n FROM overlay_delivery GROUP BY state").all() as {
      state: string;
      n: number;
    }[];
    const of = (state: string) => rows.find((row) => row.state === state)?.n ?? 0;
    return { waiting: of("waiting") + of("encrypted"), failed: of("failed") };
  }

  waiting(): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM overlay_delivery WHERE state IN ('waiting', 'encrypted') LIMIT 1").get() !==
      undefined
    );
  }

  rows(): DeliveryRow[] {
    return this.#sqlite
      .prepare(
        `SELECT letter, label AS "to", kind, state, reason, since, size FROM overlay_delivery
         WHERE kind = 'mail' ORDER BY state IN ('relayed', 'failed'), id LIMIT ?`,
      )
      .all(STATUS_ROWS) as DeliveryRow[];
  }

  sweep(now: number): void {
    this.#sqlite.prepare("DELETE FROM overlay_delivery WHERE state = 'relayed' AND since < ?").run(now - RELAYED_KEPT);
    this.#sqlite
      .prepare("DELETE FROM overlay_delivery WHERE state = 'failed' AND told = 1 AND since < ?")
      .run(now - FAILED_KEPT);
  }

  /** True if the letter waited as long as letters wait. */
  expired(delivery: Delivery, now: number): boolean {
    return delivery.since < now - WAIT_LIMIT;
  }

  /** Deletes the letter's content if nothing waits for it or may be sent again; returns its spooled file, if it had one. */
  release(letter: Buffer): string | undefined {
    const row = this.#sqlite
      .prepare(
        `DELETE FROM overlay_letter WHERE letter = ? AND NOT EXISTS
           (SELECT 1 FROM overlay_delivery WHERE letter = ? AND state IN ('waiting', 'encrypted')) AND NOT EXISTS
           (SELECT 1 FROM overlay_sent WHERE letter = ? AND settled = 0)
         RETURNING file`,
      )
      .get(letter, letter, letter) as { file: string | null } | undefined;
    return row?.file ?? undefined;
  }
}

import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { blobSchema } from "../blobs/blob-schema.ts";
import type { LetterFailure } from "../events.ts";
import { FAILED_KEPT, RELAYED_KEPT, STATUS_ROWS, WAIT_LIMIT } from "../limits.ts";
import { decodeSlotList, encodeSlotList, type Slot } from "../queues/cell.ts";
import type { Receipt } from "../receipts/receipt.ts";
import { FreshLetters } from "./fresh-letters.ts";
import { type LetterKind, NO_RECEIPT } from "./letter-header.ts";
import type { SpooledContent } from "./spool.ts";
import { AWAITED, UnreceiptedLetters } from "./unreceipted.ts";

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
  /** As in the letter's header. */
  readonly flags: number;
  /** Octets of the letter's content. */
  readonly size: number;
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
  readonly state: "waiting" | "encrypted" | "relayed" | "delivered" | "failed";
  readonly reason: LetterFailure | null;
  readonly since: number;
  readonly size: number;
}

/**
 * Letters until the contacts have them. waiting -> encrypted -> relayed, or failed from either. What a relay has had for
 * too long without an acknowledgement goes out once more, as it was encrypted. All methods are synchronous and join the caller's transaction.
 */
export class Outbox {
  readonly unreceipted: UnreceiptedLetters;
  readonly #sqlite: Database["sqlite"];
  readonly #fresh = new FreshLetters();

  constructor(db: Database) {
    db.migrate(blobSchema);
    this.unreceipted = new UnreceiptedLetters(db);
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
    this.#fresh.add(letter, recipients.length);
  }

  /** The letter of a delivery, to be sent to its recipient now. */
  take({ letter }: Pick<Delivery, "letter">): OutgoingLetter {
    const found = this.#fresh.take(letter) ?? this.letter(letter);
    if (found === undefined) throw new Error("a delivery's letter is gone");
    return found;
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

  /** The oldest that are not done, in the order in which they were enqueued. Those whose blob is not at its relay yet are passed over. */
  next(label: AddressLabel, limit: number): Delivery[] {
    return this.#next(label, limit, "state IN ('waiting', 'encrypted')");
  }

  /** Those of them that may go while the contact acknowledges nothing. */
  nextUnanswered(label: AddressLabel, limit: number): Delivery[] {
    return this.#next(label, limit, `(state = 'encrypted' OR (state = 'waiting' AND flags & ${NO_RECEIPT} != 0))`);
  }

  #next(label: AddressLabel, limit: number, condition: string): Delivery[] {
    const rows = this.#sqlite
      .prepare(
        `SELECT id, letter, label, d.kind, flags, d.size, since, tag, slots, accepted
         FROM overlay_delivery d JOIN overlay_letter USING (letter)
         WHERE label = ? AND state IN ('waiting', 'encrypted') AND ${condition} AND NOT EXISTS
           (SELECT 1 FROM overlay_blob_out b JOIN overlay_blob_way w USING (letter)
            WHERE b.letter = d.letter AND w.label = d.label AND w.used = 0 AND b.state = 'uploading')
         ORDER BY id LIMIT ?`,
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

  /** Letters to the contact that were half on their way begin anew; in the caller's transaction. */
  sendAnew(label: AddressLabel): void {
    this.#sqlite.prepare("UPDATE overlay_delivery SET accepted = 0 WHERE label = ? AND state = 'encrypted'").run(label);
  }

  setAccepted(id: number, cells: number): void {
    this.#sqlite
      .prepare("UPDATE overlay_delivery SET accepted = ? WHERE id = ? AND state = 'encrypted'")
      .run(cells, id);
  }

  /** The relay has it. Its ratchet messages are kept for being sent again, unless nobody is to acknowledge it. */
  setRelayed({ id, letter, flags }: Pick<Delivery, "id" | "letter" | "flags">, now: number): void {
    const awaited = (flags & NO_RECEIPT) === 0;
    const forgotten = awaited ? "" : ", tag = NULL, slots = NULL";
    this.#sqlite
      .prepare(
        `UPDATE overlay_delivery SET state = 'relayed', since = ?${forgotten} WHERE id = ? AND state = 'encrypted'`,
      )
      .run(now, id);
    if (!awaited) this.release(letter);
  }

  /**
   * A device says that it took these letters; `receipt` is whether that may be told to who sent them. `delivered` are
   * those that are mail, `files` the spooled files that nobody needs any more. Where all devices have said so, no relay
   * needs to take a letter again, and its ratchet messages are forgotten.
   */
  setReceipted(
    label: AddressLabel,
    deviceId: number,
    receipts: readonly Receipt[],
    { receipt, now }: { readonly receipt: "acknowledged" | "delivered"; readonly now: number },
  ): { delivered: Buffer[]; files: string[] } {
    const taken = this.unreceipted.receive(label, deviceId, receipts, receipt);
    const ids = JSON.stringify(taken.map(({ delivery }) => delivery));
    const done = `d.id IN (SELECT value FROM json_each(?)) AND d.label = ? AND NOT ${AWAITED}`;
    this.#sqlite
      .prepare(`UPDATE overlay_delivery AS d SET state = 'relayed', since = ? WHERE d.state = 'encrypted' AND ${done}`)
      .run(now, ids, label);
    this.#sqlite
      .prepare(`UPDATE overlay_delivery AS d SET tag = NULL, slots = NULL WHERE d.state = 'relayed' AND ${done}`)
      .run(ids, label);
    const files = taken.map(({ letter, settled }) => (settled === 1 ? this.release(letter) : undefined));
    return {
      delivered: taken.filter(({ kind }) => kind === "mail").map(({ letter }) => letter),
      files: files.filter((file) => file !== undefined),
    };
  }

  /** Ends what was not acknowledged in time. */
  setUnconfirmed(delivery: Pick<Delivery, "id" | "letter" | "label">, now: number): string | undefined {
    this.#sqlite
      .prepare("UPDATE overlay_delivery SET state = 'encrypted' WHERE id = ? AND state = 'relayed'")
      .run(delivery.id);
    return this.setFailed(delivery, "unconfirmed", now);
  }

  /** Stops waiting for a contact's acknowledgements. Returns spooled files that nobody needs any more. */
  forgetUnreceipted(label: AddressLabel): (string | undefined)[] {
    return this.unreceipted.deliveries(label).map(({ id, letter }) => {
      this.unreceipted.remove(letter, label);
      this.#sqlite
        .prepare("UPDATE overlay_delivery SET tag = NULL, slots = NULL WHERE id = ? AND state = 'relayed'")
        .run(id);
      return this.release(letter);
    });
  }

  /** Gives up sending again what is beyond the bound; whether it was taken is still told. Returns spooled files. */
  boundKept(): string[] {
    const files: string[] = [];
    for (const letter of this.unreceipted.beyondKept()) {
      this.#sqlite
        .prepare("UPDATE overlay_delivery SET tag = NULL, slots = NULL WHERE letter = ? AND state = 'relayed'")
        .run(letter);
      const file = this.#sqlite
        .prepare("DELETE FROM overlay_letter WHERE letter = ? RETURNING file")
        .pluck()
        .get(letter);
      if (typeof file === "string") files.push(file);
    }
    return files;
  }

  setFailed(
    delivery: Pick<Delivery, "id" | "letter" | "label">,
    reason: LetterFailure,
    now: number,
  ): string | undefined {
    this.#sqlite
      .prepare(
        `UPDATE overlay_delivery SET state = 'failed', reason = ?, tag = NULL, slots = NULL, since = ?, told = (kind = 'control')
         WHERE id = ? AND state IN ('waiting', 'encrypted')`,
      )
      .run(reason, now, delivery.id);
    this.unreceipted.remove(delivery.letter, delivery.label);
    return this.release(delivery.letter);
  }

  /** What was encrypted for the contact is to be encrypted anew: for another session, or other devices. */
  encryptAnew(label: AddressLabel): void {
    const letters = this.#sqlite
      .prepare(
        `UPDATE overlay_delivery SET state = 'waiting', tag = NULL, slots = NULL, accepted = 0
         WHERE label = ? AND state = 'encrypted' RETURNING letter`,
      )
      .pluck()
      .all(label) as Buffer[];
    for (const letter of letters) this.unreceipted.remove(letter, label);
  }

  /** Sends a relayed letter once more. False where its content is gone; its sender is to be told then. */
  sendAgain(id: Uint8Array, label: AddressLabel, now: number): boolean {
    const letter = this.letter(id);
    const state = letter === undefined ? "failed" : "waiting";
    const { changes } = this.#sqlite
      .prepare(
        `INSERT INTO overlay_delivery (letter, label, kind, size, state, reason, since) VALUES (?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = excluded.state, reason = excluded.reason, since = excluded.since, told = 0, accepted = 0,
           tag = NULL, slots = NULL WHERE state = 'relayed'`,
      )
      .run(id, label, letter?.kind ?? "mail", letter?.size ?? 0, state, letter === undefined ? "lost" : null, now);
    if (changes > 0) this.unreceipted.remove(id, label);
    return letter !== undefined;
  }

  /** All that waits for this contact. */
  open(label: AddressLabel): Pick<Delivery, "id" | "letter" | "label" | "kind">[] {
    return this.#sqlite
      .prepare(
        "SELECT id, letter, label, kind FROM overlay_delivery WHERE label = ? AND state IN ('waiting', 'encrypted')",
      )
      .all(label) as Pick<Delivery, "id" | "letter" | "label" | "kind">[];
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
        `SELECT letter, label AS "to", reason, since, size,
           CASE WHEN state = 'relayed' AND EXISTS
             (SELECT 1 FROM overlay_sent AS s INDEXED BY overlay_sent_letter
              WHERE s.letter = d.letter AND s.label = d.label AND s.receipt = 'delivered')
           THEN 'delivered' ELSE state END AS state
         FROM overlay_delivery d WHERE kind = 'mail' ORDER BY d.state IN ('relayed', 'failed'), id LIMIT ?`,
      )
      .all(STATUS_ROWS) as DeliveryRow[];
  }

  sweep(now: number): void {
    this.#sqlite
      .prepare(`DELETE FROM overlay_delivery AS d WHERE d.state = 'relayed' AND d.since < ? AND NOT ${AWAITED}`)
      .run(now - RELAYED_KEPT);
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
           (SELECT 1 FROM overlay_delivery WHERE letter = ? AND (state IN ('waiting', 'encrypted') OR slots IS NOT NULL)) AND NOT EXISTS
           (SELECT 1 FROM overlay_sent INDEXED BY overlay_sent_letter WHERE letter = ? AND settled = 0)
         RETURNING file`,
      )
      .get(letter, letter, letter) as { file: string | null } | undefined;
    return row?.file ?? undefined;
  }
}

import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Device } from "../../keyring/device.ts";
import { type RelayAddress, withoutToken } from "../../relay/relay-url.ts";
import { dataChunks, sealedStart } from "../letters/letter-content.ts";
import type { Outbox, OutgoingLetter } from "../letters/outbox.ts";
import type { Spool } from "../letters/spool.ts";
import { AWAITED } from "../letters/unreceipted.ts";
import { RESEND_AFTER } from "../limits.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import type { StepResult } from "../worker.ts";
import { blobChunks, blobOctets, chunkAt } from "./blob-content.ts";
import type { BlobDevices } from "./blob-devices.ts";
import { type BlobReference, readerOf } from "./blob-reference.ts";
import { BLOB_LEAST, BLOB_PIECE, UPLOAD_PATIENCE } from "./limits.ts";

export interface OutgoingBlobsOptions {
  readonly db: Database;
  /** The own relays, with their tokens; the preferred one first. */
  readonly relays: readonly RelayAddress[];
  /** False where letters go as cells whatever their size. */
  readonly sends: boolean;
  readonly client: RelayClient;
  readonly device: Device;
  readonly devices: BlobDevices;
  readonly outbox: Outbox;
  readonly spool: Spool;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: (length: number) => Buffer;
  /** Letters to this contact are carried by hand. */
  readonly byHand: (label: AddressLabel) => boolean;
  readonly wakeSender: (label: AddressLabel) => void;
}

/** A letter's id, and its content's octets: below BLOB_LEAST nothing needs to be looked up. */
type SizedLetter = Pick<OutgoingLetter, "letter" | "size">;

interface OutRow {
  readonly letter: Buffer;
  readonly state: "uploading" | "ready" | "deleting";
  readonly blob_id: Buffer;
  readonly owner_seed: Buffer;
  readonly relay_pin: Buffer | null;
  readonly at: number;
}

interface WayRow {
  readonly label: AddressLabel;
  readonly read_secret: Buffer;
  /** Ids of the recipient's devices. */
  readonly devices: Buffer;
  readonly used: 0 | 1;
}

/**
 * Large letters as blobs at an own relay: put there once for all recipients that read blobs. Where that does not work, and
 * whenever a letter has to be sent once more, it goes as cells.
 */
export class OutgoingBlobs {
  readonly #o: OutgoingBlobsOptions;
  /** Since when an upload does not get on, by letter. */
  readonly #stuck = new Map<string, number>();

  constructor(options: OutgoingBlobsOptions) {
    this.#o = options;
  }

  /** Whether the letter gets a blob, for those of its recipients that read blobs; in the transaction that enqueues it. */
  plan({ letter, size, file, kind }: OutgoingLetter, labels: readonly AddressLabel[]): boolean {
    const { sends, db, clock, random, device, devices, byHand } = this.#o;
    if (!sends || kind !== "mail" || file === undefined || size < BLOB_LEAST) return false;
    const add = db.sqlite.prepare(
      "INSERT INTO overlay_blob_way (letter, label, read_secret, devices) VALUES (?, ?, ?, ?)",
    );
    let readers = 0;
    for (const label of labels) {
      const ids = device.sessionDevices(label);
      if (byHand(label) || ids.length === 0 || !ids.every((id) => devices.reads(label, id))) continue;
      add.run(letter, label, random(32), Buffer.from(ids));
      readers++;
    }
    if (readers === 0) return false;
    db.sqlite
      .prepare("INSERT INTO overlay_blob_out VALUES (?, 'uploading', ?, ?, NULL, ?)")
      .run(letter, random(24), random(32), clock.now());
    return true;
  }

  /** Where the recipient reads the letter; undefined if it goes as cells. */
  reference(letter: Uint8Array, label: AddressLabel): BlobReference | undefined {
    const way = this.#way(letter, label);
    const relay = this.#relayOf(this.#row(letter)?.relay_pin);
    if (way === undefined || relay === undefined) return undefined;
    return { relay: withoutToken(relay), readSecret: way.read_secret };
  }

  /**
   * Whether a delivery that is to be encrypted now goes as a blob. A second time it does not: something was wrong with the
   * first. What it says is to be recorded by `setUsed`.
   */
  isNext({ letter, size }: SizedLetter, label: AddressLabel): boolean {
    return size >= BLOB_LEAST && this.#way(letter, label)?.used === 0 && this.#row(letter)?.state === "ready";
  }

  /** Whether a delivery that is encrypted was so as a blob. */
  isUsed({ letter, size }: SizedLetter, label: AddressLabel): boolean {
    return size >= BLOB_LEAST && this.#way(letter, label)?.used === 1;
  }

  /** In the transaction that records the encrypted delivery. */
  setUsed({ letter, size }: SizedLetter, label: AddressLabel, asBlob: boolean): void {
    if (size < BLOB_LEAST) return;
    this.#o.db.sqlite
      .prepare(
        asBlob
          ? "UPDATE overlay_blob_way SET used = 1 WHERE letter = ? AND label = ?"
          : "DELETE FROM overlay_blob_way WHERE letter = ? AND label = ?",
      )
      .run(letter, label);
  }

  /** The recipient could not read the blob: the letter goes again, as cells. In the caller's transaction. */
  failed(letter: Buffer, label: AddressLabel): "again" | "lost" | "unknown" {
    const { outbox, clock } = this.#o;
    if (this.#way(letter, label)?.used !== 1) return "unknown";
    return outbox.sendAgain(letter, label, clock.now()) ? "again" : "lost";
  }

  /** Letters whose blob is to be put to a relay, or taken from it. */
  open(): Buffer[] {
    return this.#o.db.sqlite
      .prepare("SELECT letter FROM overlay_blob_out WHERE state <> 'ready'")
      .pluck()
      .all() as Buffer[];
  }

  isOpen(letter: Buffer): boolean {
    const state = this.#row(letter)?.state;
    return state !== undefined && state !== "ready";
  }

  async step(letter: Buffer): Promise<StepResult> {
    const row = this.#row(letter);
    if (row === undefined || row.state === "ready") return "idle";
    return row.state === "deleting" ? await this.#delete(row) : await this.#upload(row);
  }

  /** In the caller's transaction. */
  forget(label: AddressLabel): void {
    this.#o.db.sqlite.prepare("DELETE FROM overlay_blob_way WHERE label = ?").run(label);
  }

  /** What nobody acknowledged goes again as cells, since the relay has deleted the blob by now; blobs of letters that are done with go. In the caller's transaction. */
  sweep(now: number): void {
    const { db, outbox } = this.#o;
    const late = db.sqlite
      .prepare(
        `SELECT letter, label FROM overlay_delivery d JOIN overlay_blob_way USING (letter, label)
         WHERE state = 'relayed' AND since < ? AND ${AWAITED}`,
      )
      .all(now - RESEND_AFTER) as { letter: Buffer; label: AddressLabel }[];
    for (const { letter, label } of late) {
      outbox.sendAgain(letter, label, now);
      this.#o.wakeSender(label);
    }
    db.sqlite.exec(
      `DELETE FROM overlay_blob_way WHERE letter NOT IN (SELECT letter FROM overlay_letter)
         AND (letter, label) NOT IN (SELECT letter, label FROM overlay_sent WHERE receipt = 'awaited');
       UPDATE overlay_blob_out SET state = 'deleting' WHERE letter NOT IN (SELECT letter FROM overlay_blob_way)`,
    );
  }

  async #upload(row: OutRow): Promise<StepResult> {
    const { db, client, outbox, spool, clock, logger } = this.#o;
    const key = row.letter.toString("hex");
    const letter = outbox.letter(row.letter);
    const ways = this.#ways(row.letter);
    if (letter === undefined || ways.length === 0) return await this.#giveUp(row);
    const relay = this.#choose(row);
    if (!relay.pin.equals(row.relay_pin ?? Buffer.alloc(0)))
      await db.commit(() => this.#setRelay(row.letter, relay.pin));
    const content = async function* (this: OutgoingBlobs, from: number): AsyncGenerator<Buffer> {
      for await (const piece of blobContent(spool, letter, from)) {
        this.#stuck.delete(key);
        yield piece;
      }
    }.bind(this);
    try {
      await client.uploadBlob(relay, {
        owner: { blobId: row.blob_id, ownerSeed: row.owner_seed },
        octets: blobOctets(letter.size),
        readers: ways.flatMap(({ read_secret, devices }) => [...devices].map((id) => readerOf(read_secret, id))),
        content,
      });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      logger("info", "blob-not-uploaded", { code: error.code });
      const now = clock.now();
      const since = this.#stuck.get(key) ?? now;
      this.#stuck.set(key, since);
      if (error.code === "unavailable" && now - since < UPLOAD_PATIENCE) return "later";
      return await this.#giveUp(row);
    }
    this.#stuck.delete(key);
    await db.commit(() =>
      db.sqlite
        .prepare("UPDATE overlay_blob_out SET state = 'ready' WHERE letter = ? AND state = 'uploading'")
        .run(row.letter),
    );
    for (const { label } of ways) this.#o.wakeSender(label);
    return "idle";
  }

  /** The letter goes as cells. */
  async #giveUp({ letter }: OutRow): Promise<StepResult> {
    const { db } = this.#o;
    this.#stuck.delete(letter.toString("hex"));
    const labels = await db.commit(() => {
      db.sqlite.prepare("UPDATE overlay_blob_out SET state = 'deleting' WHERE letter = ?").run(letter);
      return db.sqlite
        .prepare("DELETE FROM overlay_blob_way WHERE letter = ? RETURNING label")
        .pluck()
        .all(letter) as AddressLabel[];
    });
    for (const label of labels) this.#o.wakeSender(label);
    return "again";
  }

  async #delete({ letter, relay_pin, blob_id, owner_seed, at }: OutRow): Promise<StepResult> {
    const { db, client, clock } = this.#o;
    const relay = this.#relayOf(relay_pin);
    try {
      if (relay !== undefined) await client.deleteBlob(relay, { blobId: blob_id, ownerSeed: owner_seed });
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      // A relay that is never heard of again has deleted it by itself.
      if (error.code === "unavailable" && clock.now() < at + RESEND_AFTER) return "later";
    }
    await db.commit(() => db.sqlite.prepare("DELETE FROM overlay_blob_out WHERE letter = ?").run(letter));
    return "idle";
  }

  /** The relay that it was begun at, unless only another one can be reached. */
  #choose({ relay_pin }: OutRow): RelayAddress {
    const { relays, client } = this.#o;
    const begun = this.#relayOf(relay_pin) ?? relays[0];
    const reached =
      begun !== undefined && client.connected(begun) ? begun : relays.find((one) => client.connected(one));
    const chosen = reached ?? begun;
    if (chosen === undefined) throw new Error("there is no relay");
    return chosen;
  }

  #relayOf(pin: Buffer | null | undefined): RelayAddress | undefined {
    return pin ? this.#o.relays.find((one) => one.pin.equals(pin)) : undefined;
  }

  #setRelay(letter: Buffer, pin: Buffer): void {
    this.#o.db.sqlite.prepare("UPDATE overlay_blob_out SET relay_pin = ? WHERE letter = ?").run(pin, letter);
  }

  #row(letter: Uint8Array): OutRow | undefined {
    return this.#o.db.sqlite.prepare("SELECT * FROM overlay_blob_out WHERE letter = ?").get(letter) as
      | OutRow
      | undefined;
  }

  #way(letter: Uint8Array, label: AddressLabel): WayRow | undefined {
    return this.#o.db.sqlite
      .prepare("SELECT * FROM overlay_blob_way WHERE letter = ? AND label = ?")
      .get(letter, label) as WayRow | undefined;
  }

  #ways(letter: Uint8Array): WayRow[] {
    return this.#o.db.sqlite.prepare("SELECT * FROM overlay_blob_way WHERE letter = ?").all(letter) as WayRow[];
  }
}

/** A blob's octets from one on: what lies in the spool, in pieces that fill blocks, and chunks of zeros behind it. */
async function* blobContent(spool: Spool, letter: OutgoingLetter, from: number): AsyncGenerator<Buffer> {
  yield* spool.octets(letter, from, BLOB_PIECE);
  const first = Math.max(chunkAt(from), dataChunks(letter.size));
  let skipped = Math.max(from - sealedStart(first), 0);
  for await (const chunk of spool.chunks(letter, first, blobChunks(letter.size))) {
    yield chunk.subarray(skipped);
    skipped = 0;
  }
}

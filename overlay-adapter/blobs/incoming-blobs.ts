import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { DropReason } from "../events.ts";
import type { Ledger } from "../letters/ledger.ts";
import { NO_RECEIPT } from "../letters/letter-header.ts";
import type { OpenedHeader } from "../letters/opening.ts";
import type { Outbox } from "../letters/outbox.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import { LetterAborted, type LetterReceiver } from "../ports.ts";
import type { ReceiptsDue } from "../receipts/receipts-due.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import { encodeControl } from "../sessions/control.ts";
import { Window } from "../window.ts";
import type { StepResult } from "../worker.ts";
import { BlobBroken, fetchContent } from "./blob-fetch.ts";
import { BlobFile } from "./blob-file.ts";
import { type BlobReference, readerOf } from "./blob-reference.ts";
import { ASKED_KEPT, FETCH_PATIENCE, FETCH_TRIES, FETCHES } from "./limits.ts";

export interface IncomingBlobsOptions {
  readonly db: Database;
  readonly home: string;
  readonly contacts: Contacts;
  readonly client: RelayClient;
  readonly receiver: LetterReceiver;
  readonly receipts: ReceiptsDue;
  readonly ledger: Ledger;
  readonly outbox: Outbox;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: (length: number) => Buffer;
  /** False where fetching would show to who watches the network: letters are asked for as cells then. */
  readonly fetches: boolean;
  /** This installation was not revoked or replaced. */
  readonly active: () => boolean;
  readonly dropped: (from: AddressLabel, reason: DropReason, count: number) => void;
  /** There is work with this row. */
  readonly wake: (id: number) => void;
  readonly wakeSender: (label: AddressLabel) => void;
  /** Letters were stored whose receipts are due then. */
  readonly wakeReceipts: (due: number) => void;
}

interface InRow {
  readonly id: number;
  readonly label: AddressLabel;
  readonly letter: Buffer;
  /** `fetching`; `asked`: it comes as cells; `read`: it is stored, and the relay is to be told. */
  readonly state: "fetching" | "asked" | "read";
  readonly device_id: number;
  readonly as_device: number;
  readonly tag: Buffer;
  readonly content_key: Buffer;
  readonly manifest_hash: Buffer;
  readonly header_hash: Buffer;
  readonly flags: number;
  readonly size: number;
  readonly relay_host: string;
  readonly relay_port: number;
  readonly relay_pin: Buffer;
  readonly read_secret: Buffer;
  readonly tries: number;
  readonly at: number;
}

/**
 * Letters whose header came, and whose content is a blob at somebody's relay. The header's step of the ratchet is recorded at
 * once, the letter becomes visible, and is acknowledged, when all of the blob is there. What was fetched lies in a file, so
 * that nothing is fetched twice; a blob that is missing or wrong is never delivered, and its sender is asked for cells.
 */
export class IncomingBlobs {
  readonly #o: IncomingBlobsOptions;
  readonly #directory: string;
  readonly #window = new Window(FETCHES);
  readonly #running = new Map<number, { readonly stop: AbortController; readonly over: Promise<unknown> }>();
  /** Letters that may have a row: each letter that comes is looked for here first, and hardly any has one. */
  readonly #noted: Set<string>;
  /** Since when a blob's relay cannot be reached, by row. */
  readonly #stuck = new Map<number, number>();

  /** Removes files that no letter refers to. */
  constructor(options: IncomingBlobsOptions) {
    this.#o = options;
    this.#directory = join(options.home, "inbox");
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    const rows = options.db.sqlite.prepare("SELECT label, letter FROM overlay_blob_in").all() as InRow[];
    this.#noted = new Set(rows.map(({ label, letter }) => letterKey(label, letter)));
    const inUse = new Set(this.open().map(String));
    for (const name of readdirSync(this.#directory)) if (!inUse.has(name)) rmSync(join(this.#directory, name));
  }

  /** Notes a letter that is to be fetched; in the transaction that records its header. One that was noted before is fetched by the newer word. */
  add(label: AddressLabel, header: OpenedHeader, place: { tag: Buffer; as: number; reference: BlobReference }): void {
    const { db, clock } = this.#o;
    const { relay, readSecret } = place.reference;
    const id = db.sqlite
      .prepare(
        `INSERT INTO overlay_blob_in (label, letter, state, device_id, as_device, tag, content_key, manifest_hash,
           header_hash, flags, size, relay_host, relay_port, relay_pin, read_secret, at)
         VALUES (?, ?, 'fetching', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET state = 'fetching', device_id = excluded.device_id, as_device = excluded.as_device,
           tag = excluded.tag, content_key = excluded.content_key, manifest_hash = excluded.manifest_hash,
           header_hash = excluded.header_hash, flags = excluded.flags, size = excluded.size,
           relay_host = excluded.relay_host, relay_port = excluded.relay_port, relay_pin = excluded.relay_pin,
           read_secret = excluded.read_secret, tries = 0
         RETURNING id`,
      )
      .pluck()
      .get(
        label,
        header.id,
        header.deviceId,
        place.as,
        place.tag,
        header.contentKey,
        header.manifestHash,
        header.hash,
        header.flags,
        header.size,
        relay.host,
        relay.port,
        relay.pin,
        readSecret,
        clock.now(),
      ) as number;
    this.#noted.add(letterKey(label, header.id));
    db.afterCommit(() => this.#o.wake(id));
  }

  /** The letter came another way, and is stored in this transaction. */
  came(label: AddressLabel, letter: Buffer): void {
    const { db } = this.#o;
    const id = this.#find(label, letter)?.id;
    if (id === undefined) return;
    db.sqlite.prepare("UPDATE overlay_blob_in SET state = 'read' WHERE id = ?").run(id);
    db.afterCommit(() => this.#o.wake(id));
  }

  /** The letter comes another way now: what is being fetched of it is left, so that it is not staged twice at a time. */
  async giveWay(label: AddressLabel, letter: Buffer): Promise<void> {
    const row = this.#find(label, letter);
    if (row === undefined || row.state === "read") return;
    this.#o.db.transactionUnsynced(() => this.#setState(row.id, "asked"));
    const running = this.#running.get(row.id);
    running?.stop.abort();
    await running?.over;
  }

  /** In the caller's transaction. */
  forget(label: AddressLabel): void {
    const { db } = this.#o;
    const ids = db.sqlite
      .prepare("DELETE FROM overlay_blob_in WHERE label = ? RETURNING id")
      .pluck()
      .all(label) as number[];
    db.afterCommit(() => {
      for (const id of ids) this.#running.get(id)?.stop.abort();
    });
    db.afterSync(() => {
      for (const id of ids) void this.#removeFile(id).catch(() => undefined);
    });
  }

  /** Rows that there is work with, or will be. */
  open(): number[] {
    return this.#o.db.sqlite.prepare("SELECT id FROM overlay_blob_in").pluck().all() as number[];
  }

  isOpen(id: number): boolean {
    return this.#row(id) !== undefined;
  }

  /** Stops what is being fetched; it goes on at the next start. */
  stop(): void {
    for (const { stop } of this.#running.values()) stop.abort();
  }

  async step(id: number): Promise<StepResult> {
    const row = this.#row(id);
    if (row === undefined) return "idle";
    if (row.state === "read") return await this.#finish(row);
    if (row.state === "asked") return await this.#forgetOld(row);
    const state = this.#o.contacts.byLabel(row.label)?.state;
    if (state === undefined || state === "frozen" || state === "revoked" || !this.#o.active()) return "idle";
    if (!this.#o.fetches) return await this.#ask(row);
    await this.#window.enter();
    try {
      // It may have come another way meanwhile.
      const now = this.#row(id);
      return now?.state === "fetching" ? await this.#attempt(now) : "again";
    } finally {
      this.#window.leave();
    }
  }

  async #attempt(row: InRow): Promise<StepResult> {
    const stop = new AbortController();
    const fetching = this.#fetch(row, stop.signal);
    const over = fetching.catch(() => undefined);
    this.#running.set(row.id, { stop, over });
    try {
      await fetching;
      this.#stuck.delete(row.id);
      return "again";
    } catch (error) {
      if (stop.signal.aborted) return "idle";
      return await this.#failed(row, storageFailure(error));
    } finally {
      this.#running.delete(row.id);
    }
  }

  /** Fetches, stages, and makes visible in one transaction with what is recorded of it. */
  async #fetch(row: InRow, signal: AbortSignal): Promise<void> {
    const { db, client, receiver, receipts, ledger, clock } = this.#o;
    const { id, label, letter, size } = row;
    const file = await BlobFile.open(this.#path(id));
    let broken: unknown;
    const content = async function* (this: IncomingBlobs): AsyncGenerator<Buffer> {
      try {
        const pieces = fetchContent({
          client,
          relay: relayOf(row),
          reading: readerOf(row.read_secret, row.as_device),
          contentKey: row.content_key,
          manifestHash: row.manifest_hash,
          size,
          file,
        });
        for await (const piece of pieces) {
          signal.throwIfAborted();
          this.#stuck.delete(id);
          yield piece;
        }
      } catch (error) {
        broken = error;
        throw new LetterAborted("the rest of the letter did not come");
      }
    }.bind(this);
    try {
      const visible = await receiver.receive({
        from: label,
        deviceId: row.device_id,
        id: letter,
        receivedAt: row.at,
        size,
        content: content(),
      });
      if (broken !== undefined) throw broken;
      const due = await db.commit(() => {
        if (this.#row(id)?.state !== "fetching") return undefined;
        visible();
        const acknowledged = (row.flags & NO_RECEIPT) === 0;
        const headerHash = acknowledged ? (this.#row(id)?.header_hash ?? row.header_hash) : undefined;
        ledger.add(label, { letter, tag: row.tag, headerHash }, clock.now());
        this.#setState(id, "read");
        return receipts.add(label, clock.now());
      });
      if (due !== undefined) this.#o.wakeReceipts(due);
    } catch (error) {
      throw broken ?? error;
    } finally {
      await file.close().catch(() => undefined);
    }
  }

  async #failed(row: InRow, error: unknown): Promise<StepResult> {
    const { db, clock, logger, dropped } = this.#o;
    if (error instanceof BlobBroken) {
      dropped(row.label, "altered", 1);
      if (error.how === "forged") return await this.#drop(row);
      if (row.tries + 1 >= FETCH_TRIES) return await this.#ask(row);
      await db.commit(() => db.sqlite.prepare("UPDATE overlay_blob_in SET tries = tries + 1 WHERE id = ?").run(row.id));
      return "later";
    }
    if (!(error instanceof Failure)) throw error;
    logger("info", "blob-not-fetched", { code: error.code });
    if (error.code === "nonexistent" || error.code === "forbidden") {
      dropped(row.label, "incomplete", 1);
      return await this.#ask(row);
    }
    const now = clock.now();
    const since = this.#stuck.get(row.id) ?? now;
    this.#stuck.set(row.id, since);
    return error.code === "unavailable" && now - since >= FETCH_PATIENCE ? await this.#ask(row) : "later";
  }

  /** The sender is asked for the letter as cells. */
  async #ask(row: InRow): Promise<StepResult> {
    const { db, outbox, random, clock, wakeSender } = this.#o;
    await db.commit(() => {
      if (this.#row(row.id)?.state !== "fetching") return;
      this.#setState(row.id, "asked");
      const content = encodeControl({ kind: "blob-failed", letter: row.letter });
      outbox.add(controlLetter(content, random), [row.label], clock.now());
    });
    this.#stuck.delete(row.id);
    await this.#removeFile(row.id);
    wakeSender(row.label);
    return "idle";
  }

  /** What its sender has made wrong would not be better another way. */
  async #drop(row: InRow): Promise<StepResult> {
    const { db, ledger, clock } = this.#o;
    await db.commit(() => {
      ledger.add(row.label, row, clock.now());
      this.#setState(row.id, "read");
    });
    return "again";
  }

  /** The relay may delete the blob, if nobody else reads it. */
  async #finish(row: InRow): Promise<StepResult> {
    const { client, clock, fetches } = this.#o;
    await this.#removeFile(row.id);
    try {
      if (fetches) await client.finishBlob(relayOf(row), readerOf(row.read_secret, row.as_device));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code === "unavailable" && clock.now() < row.at + ASKED_KEPT) return "later";
    }
    await this.#removeRow(row);
    return "idle";
  }

  async #forgetOld(row: InRow): Promise<StepResult> {
    if (this.#o.clock.now() >= row.at + ASKED_KEPT) await this.#removeRow(row);
    return "idle";
  }

  async #removeRow({ id, label, letter }: InRow): Promise<void> {
    const { db } = this.#o;
    await db.commit(() => {
      db.sqlite.prepare("DELETE FROM overlay_blob_in WHERE id = ?").run(id);
      db.afterCommit(() => {
        if (this.#find(label, letter) === undefined) this.#noted.delete(letterKey(label, letter));
      });
    });
  }

  async #removeFile(id: number): Promise<void> {
    await rm(this.#path(id), { force: true });
  }

  #path(id: number): string {
    return join(this.#directory, String(id));
  }

  #setState(id: number, state: InRow["state"]): void {
    this.#o.db.sqlite.prepare("UPDATE overlay_blob_in SET state = ? WHERE id = ?").run(state, id);
  }

  #row(id: number): InRow | undefined {
    return this.#o.db.sqlite.prepare("SELECT * FROM overlay_blob_in WHERE id = ?").get(id) as InRow | undefined;
  }

  #find(label: AddressLabel, letter: Buffer): InRow | undefined {
    if (!this.#noted.has(letterKey(label, letter))) return undefined;
    return this.#o.db.sqlite
      .prepare("SELECT * FROM overlay_blob_in WHERE label = ? AND letter = ?")
      .get(label, letter) as InRow | undefined;
  }
}

function letterKey(label: AddressLabel, letter: Buffer): string {
  return `${label} ${letter.toString("latin1")}`;
}

function relayOf({ relay_host: host, relay_port: port, relay_pin: pin }: InRow): RelayAddress {
  return { host, port, pin };
}

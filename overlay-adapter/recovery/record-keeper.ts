import { createHash } from "node:crypto";
import type { Clock } from "../../foundation/clock.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { RecoverySecret, RecoverySecrets } from "../../keyring/recovery-secret.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import type { StepResult } from "../worker.ts";
import { RECORD_LIFETIME, RECORD_PAUSE_PER_CELL, RECORD_REFRESH } from "./limits.ts";
import { type RecordPlace, recordSlot, sealRecord } from "./record-cells.ts";

/** What lies at which relay; `cells`: the most that either place may hold there. */
export const recordSchema: Schema = {
  part: "overlay-record",
  migrations: [
    `CREATE TABLE overlay_record (
       generation INTEGER NOT NULL,
       relay BLOB NOT NULL,
       place INTEGER NOT NULL,
       version INTEGER NOT NULL,
       cells INTEGER NOT NULL,
       digest BLOB,
       written_at INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (generation, relay)
     ) STRICT, WITHOUT ROWID`,
  ],
};

interface RecordRow {
  /** The one that was written last, and is whole. */
  readonly place: RecordPlace;
  /** Of the last writing that was begun. */
  readonly version: number;
  readonly cells: number;
  /** SHA-256 of the record that was written whole; null before the first. */
  readonly digest: Buffer | null;
  readonly written_at: number;
}

export interface RecordKeeperOptions {
  readonly db: Database;
  readonly secrets: RecoverySecrets;
  /** The own ones, with their tokens. */
  readonly relays: readonly RelayAddress[];
  readonly gather: () => Buffer;
  readonly client: RelayClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: (length: number) => Buffer;
}

/** What somebody found of an earlier record at a relay. */
export interface RecordTrace {
  readonly generation: number;
  readonly relay: RelayAddress;
  readonly cells: number;
}

/** So that records of earlier secrets are removed once there is a newer one; in the caller's transaction. */
export function noteTraces(db: Database, traces: readonly RecordTrace[]): void {
  db.migrate(recordSchema);
  const note = db.sqlite.prepare(
    `INSERT INTO overlay_record (generation, relay, place, version, cells) VALUES (?, ?, 0, 0, ?)
     ON CONFLICT DO UPDATE SET cells = max(cells, excluded.cells)`,
  );
  for (const { generation, relay, cells } of traces) note.run(generation, relay.pin, cells);
}

/** Keeps the recovery record at every own relay up to date, in two places by turns: a crash spoils one at most. */
export class RecordKeeper {
  readonly #o: RecordKeeperOptions;

  constructor(options: RecordKeeperOptions) {
    this.#o = options;
    options.db.migrate(recordSchema);
  }

  /** Writes what has changed where it can be written now; the rest waits to be asked again. */
  async step(): Promise<StepResult> {
    const { secrets, relays, gather, logger } = this.#o;
    const secret = secrets.current();
    if (secret === undefined) return "idle";
    const record = gather();
    const digest = createHash("sha256").update(record).digest();
    for (const relay of relays) {
      try {
        if (this.#isDue(secret, relay, digest)) await this.#write(secret, relay, record, digest);
        await this.#removeFormer(secret, relay);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        logger("info", "recovery-record-waits", { code: error.code });
      }
    }
    this.#forgetFormer();
    return "idle";
  }

  /** When the record was last written whole, at the relay where that is longest ago; undefined where it lies nowhere yet. */
  writtenAt(): number | undefined {
    const generation = this.#o.secrets.current()?.generation;
    const rows = this.#o.relays.map((relay) => generation !== undefined && this.#row(generation, relay));
    const written = rows.flatMap((row) => (row && row.digest !== null ? [row.written_at] : []));
    return written.length === 0 ? undefined : Math.min(...written);
  }

  #isDue({ generation }: RecoverySecret, relay: RelayAddress, digest: Buffer): boolean {
    const row = this.#row(generation, relay);
    if (row === undefined || row.digest === null) return true;
    const age = this.#o.clock.now() - row.written_at;
    if (age < 0 || age >= RECORD_REFRESH) return true;
    return !row.digest.equals(digest) && age >= (row.cells - 1) * RECORD_PAUSE_PER_CELL;
  }

  async #write({ generation, secret }: RecoverySecret, relay: RelayAddress, record: Buffer, digest: Buffer) {
    const { db, client, clock, random } = this.#o;
    const before = this.#row(generation, relay);
    const place: RecordPlace = before?.place === 0 ? 1 : 0;
    const version = Math.max(clock.now(), (before?.version ?? 0) + 1);
    const cells = sealRecord(secret, record, version, random);
    const most = Math.max(cells.length, before?.cells ?? 0);
    // Known before it begins: no two writings have one version, and what they leave behind is found.
    db.transaction(() =>
      db.sqlite
        .prepare(
          `INSERT INTO overlay_record (generation, relay, place, version, cells) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO UPDATE SET version = excluded.version, cells = excluded.cells`,
        )
        .run(generation, relay.pin, 1 - place, version, most),
    );
    const expiresAt = clock.now() + RECORD_LIFETIME;
    for (const [index, cell] of cells.entries()) {
      const slot = recordSlot(secret, place, index);
      await client.deleteSlot(relay, slot);
      await client.putSlot(relay, slot, expiresAt, cell);
    }
    for (let index = cells.length; index < most; index++)
      await client.deleteSlot(relay, recordSlot(secret, place, index));
    db.transaction(() =>
      db.sqlite
        .prepare("UPDATE overlay_record SET place = ?, digest = ?, written_at = ? WHERE generation = ? AND relay = ?")
        .run(place, digest, clock.now(), generation, relay.pin),
    );
  }

  /** Earlier secrets may be in other hands: once there is a newer record, theirs go. */
  async #removeFormer(current: RecoverySecret, relay: RelayAddress): Promise<void> {
    const { db, client, secrets } = this.#o;
    if (this.#row(current.generation, relay)?.digest == null) return;
    for (const { generation, secret } of secrets.former()) {
      const row = this.#row(generation, relay);
      if (row === undefined) continue;
      for (const place of [0, 1] as const)
        for (let index = 0; index < row.cells; index++)
          await client.deleteSlot(relay, recordSlot(secret, place, index));
      db.transaction(() =>
        db.sqlite.prepare("DELETE FROM overlay_record WHERE generation = ? AND relay = ?").run(generation, relay.pin),
      );
    }
  }

  /** Secrets whose records are gone everywhere are of no more use. */
  #forgetFormer(): void {
    const { db, secrets } = this.#o;
    const left = db.sqlite.prepare("SELECT count(*) FROM overlay_record WHERE generation = ?").pluck();
    for (const { generation } of secrets.former()) if (left.get(generation) === 0) secrets.forget(generation);
  }

  #row(generation: number, relay: RelayAddress): RecordRow | undefined {
    return this.#o.db.sqlite
      .prepare(
        "SELECT place, version, cells, digest, written_at FROM overlay_record WHERE generation = ? AND relay = ?",
      )
      .get(generation, relay.pin) as RecordRow | undefined;
  }
}

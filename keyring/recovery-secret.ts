import type { Database, Schema } from "../foundation/database.ts";
import { deriveKey } from "../foundation/seal.ts";
import { RECOVERY_GENERATIONS } from "./limits.ts";

export const recoverySecretSchema: Schema = {
  part: "recovery-secret",
  migrations: [
    "CREATE TABLE recovery_secret (generation INTEGER PRIMARY KEY, secret BLOB NOT NULL) STRICT",
    "CREATE TABLE recovery (id INTEGER PRIMARY KEY CHECK (id = 1), at INTEGER NOT NULL, recorded_at INTEGER) STRICT",
  ],
};

/** What finds, opens and writes the recovery record at a relay; 32 bytes, a secret. */
export interface RecoverySecret {
  /** From 0; one more each time that the paper key takes back what somebody else may have. */
  readonly generation: number;
  readonly secret: Buffer;
}

/** The secret of a generation; nothing leads from it to the seed, or to another generation. */
export function recoverySecret(masterSeed: Uint8Array, generation: number): RecoverySecret {
  return { generation, secret: deriveKey(masterSeed, `postern recovery record v1 ${generation}`) };
}

/** The vault's recovery secrets. All methods are synchronous and join the caller's transaction. */
export class RecoverySecrets {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    db.migrate(recoverySecretSchema);
    this.#sqlite = db.sqlite;
  }

  /** Undefined in a home whose paper key was forgotten before there were recovery records. */
  current(): RecoverySecret | undefined {
    return this.#rows()[0];
  }

  /** Those before it, whose records are to be removed. */
  former(): RecoverySecret[] {
    return this.#rows().slice(1);
  }

  add(secret: RecoverySecret): void {
    this.#sqlite.prepare("INSERT OR REPLACE INTO recovery_secret VALUES (?, ?)").run(secret.generation, secret.secret);
  }

  /** The first, unless there is one. */
  begin(masterSeed: Uint8Array): void {
    if (this.current() === undefined) this.add(recoverySecret(masterSeed, 0));
  }

  /** Somebody else may have the present one. */
  renew(masterSeed: Uint8Array): void {
    const next = (this.current()?.generation ?? 0) + 1;
    this.add(recoverySecret(masterSeed, Math.min(next, RECOVERY_GENERATIONS - 1)));
  }

  forget(generation: number): void {
    this.#sqlite.prepare("DELETE FROM recovery_secret WHERE generation = ?").run(generation);
  }

  /** Notes that this home was made from the paper key, with a record from then, if there was one. Milliseconds since 1970. */
  setRecovered(at: number, recordedAt: number | undefined): void {
    this.#sqlite.prepare("INSERT OR REPLACE INTO recovery VALUES (1, ?, ?)").run(at, recordedAt ?? null);
  }

  recovered(): { readonly at: number; readonly recordedAt: number | undefined } | undefined {
    const row = this.#sqlite.prepare("SELECT at, recorded_at FROM recovery").get() as
      | { at: number; recorded_at: number | null }
      | undefined;
    return row && { at: row.at, recordedAt: row.recorded_at ?? undefined };
  }

  #rows(): RecoverySecret[] {
    return this.#sqlite
      .prepare("SELECT generation, secret FROM recovery_secret ORDER BY generation DESC")
      .all() as RecoverySecret[];
  }
}

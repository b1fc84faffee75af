import type { Database } from "../../foundation/database.ts";
import type { TokenHash, TokenRecord, TokenStore, TokenUse } from "../token-store.ts";
import type { Usage } from "./usage.ts";

export interface TokenRow {
  readonly id: number;
  readonly name: string;
  readonly queues: number | null;
  readonly octets: number | null;
  readonly creations_per_hour: number | null;
  readonly made_at: number;
  readonly revoked_at: number | null;
}

/** Tokens in the relay's SQLite file. Read anew each time: `postern relay token` changes them from another process. */
export class SqliteTokenStore implements TokenStore {
  readonly #db: Database;
  readonly #usage: Usage;
  readonly #sql: ReturnType<typeof prepare>;

  /** The database holds schema.ts's tables. */
  constructor(db: Database, usage: Usage) {
    this.#db = db;
    this.#usage = usage;
    this.#sql = prepare(db);
  }

  async find(token: TokenHash): Promise<TokenRecord | undefined> {
    const row = this.row(token);
    return row === undefined ? undefined : recordOf(row);
  }

  /** The valid token's row, for what must be decided in one transaction. */
  row(token: TokenHash): TokenRow | undefined {
    return this.#sql.valid.get(token);
  }

  add(token: TokenHash, record: Omit<TokenRecord, "revokedAt">): Promise<boolean> {
    const { name, queues = null, octets = null, creationsPerHour = null, madeAt } = record;
    return this.#db.commit(() => {
      if (this.#sql.named.get(name, token) !== undefined) return false;
      this.#sql.add.run(token, name, queues, octets, creationsPerHour, madeAt);
      return true;
    });
  }

  revoke(name: string, now: number, what: "stays" | "goes"): Promise<boolean> {
    return this.#db.commit(() => this.#sql.revoke.run(now, what === "goes" ? 1 : 0, name).changes > 0);
  }

  async list(): Promise<readonly TokenUse[]> {
    return this.#sql.all.all().map((row) => {
      const { queues, slots, octets } = this.#usage.of(row.id);
      return { ...recordOf(row), usedQueues: queues + slots, usedOctets: octets };
    });
  }
}

function recordOf(row: TokenRow): TokenRecord {
  return {
    name: row.name,
    queues: row.queues ?? undefined,
    octets: row.octets ?? undefined,
    creationsPerHour: row.creations_per_hour ?? undefined,
    madeAt: row.made_at,
    revokedAt: row.revoked_at ?? undefined,
  };
}

function prepare({ sqlite }: Database) {
  return {
    valid: sqlite.prepare<[Uint8Array], TokenRow>("SELECT * FROM token WHERE hash = ? AND revoked_at IS NULL"),
    named: sqlite.prepare<[string, Uint8Array], TokenRow>("SELECT * FROM token WHERE name = ? OR hash = ?"),
    all: sqlite.prepare<[], TokenRow>("SELECT * FROM token ORDER BY id"),
    add: sqlite.prepare<[Uint8Array, string, number | null, number | null, number | null, number]>(
      "INSERT INTO token (hash, name, queues, octets, creations_per_hour, made_at) VALUES (?, ?, ?, ?, ?, ?)",
    ),
    revoke: sqlite.prepare<[number, number, string]>(
      "UPDATE token SET revoked_at = ?, emptied = ? WHERE name = ? AND revoked_at IS NULL",
    ),
  };
}

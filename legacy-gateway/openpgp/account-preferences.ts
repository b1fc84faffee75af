import type { Database, Schema } from "../../foundation/database.ts";
import type { PreferEncrypt } from "./autocrypt-header.ts";

export const openPgpPreferencesSchema: Schema = {
  part: "openpgp-preferences",
  migrations: [
    `CREATE TABLE openpgp_preference (
      address TEXT PRIMARY KEY,
      prefer_encrypt TEXT NOT NULL,
      sign_plain INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
};

/** How letters from one own address use OpenPGP. */
export interface OpenPgpPreferences {
  /** Told to others in the Autocrypt field: whether they should encrypt to this address without being asked. */
  readonly preferEncrypt: PreferEncrypt;
  /** Letters that leave in the clear are signed. */
  readonly signPlain: boolean;
}

/**
 * `mutual`: who runs a bridge opens whatever comes, in every mail program. Unsigned: a signature is an odd attachment for
 * most people, and a proof for everybody, for ever, of what was written in confidence.
 */
const DEFAULT: OpenPgpPreferences = { preferEncrypt: "mutual", signPlain: false };

interface Row {
  readonly preferEncrypt: string;
  readonly signPlain: number;
}

/** What the user has said for single own addresses. All methods are synchronous and join the caller's transaction. */
export class AccountPreferences {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
    db.migrate(openPgpPreferencesSchema);
  }

  of(address: string): OpenPgpPreferences {
    const row = this.#db.sqlite
      .prepare<[string], Row>(
        "SELECT prefer_encrypt AS preferEncrypt, sign_plain AS signPlain FROM openpgp_preference WHERE address = ?",
      )
      .get(address.toLowerCase());
    if (row === undefined) return DEFAULT;
    return {
      preferEncrypt: row.preferEncrypt === "mutual" ? "mutual" : "nopreference",
      signPlain: row.signPlain === 1,
    };
  }

  set(address: string, change: Partial<OpenPgpPreferences>): OpenPgpPreferences {
    return this.#db.transaction(() => {
      const preferences = { ...this.of(address), ...change };
      this.#db.sqlite
        .prepare("INSERT OR REPLACE INTO openpgp_preference VALUES (?, ?, ?)")
        .run(address.toLowerCase(), preferences.preferEncrypt, Number(preferences.signPlain));
      return preferences;
    });
  }
}

import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database, Schema } from "../foundation/database.ts";

/** Which letters of other servers' mailboxes were imported, beside the contents that `maildir_imported` knows. */
export const IMPORT_LEDGER_SCHEMA: Schema = {
  part: "maildir-import",
  migrations: [
    `
    CREATE TABLE maildir_import_source (
      id INTEGER PRIMARY KEY,
      mailbox INTEGER NOT NULL,
      account TEXT NOT NULL,
      folder TEXT NOT NULL,
      uid_validity INTEGER NOT NULL,
      UNIQUE (mailbox, account, folder)
    ) STRICT;

    CREATE TABLE maildir_import_uid (
      source INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      PRIMARY KEY (source, uid)
    ) STRICT, WITHOUT ROWID;
    `,
  ],
};

/** A mailbox of another server; its UIDs name the same letters only as long as UIDVALIDITY stays. */
export interface RemoteMailbox {
  /** Tells accounts apart; holds no password. */
  readonly account: string;
  readonly folder: string;
  readonly uidValidity: number;
}

/**
 * The ledger of imports from other servers. Writes run inside the caller's transaction, the one that stores the letters,
 * so that a letter is in the ledger exactly if it is in the mailbox (or was, for letters that were removed since).
 */
export class ImportLedger {
  readonly #find: Statement<[number, string, string], { id: number; uidValidity: number }>;
  readonly #addSource: Statement<[number, string, string, number], unknown>;
  readonly #uids: Statement<[number], number>;
  readonly #addUid: Statement<[number, number], unknown>;
  readonly #forgetUids: Statement<[number], unknown>;
  readonly #forgetSource: Statement<[number], unknown>;
  readonly #sourcesOf: Statement<[number], number>;
  readonly #anywhere: Statement<[Uint8Array], number>;

  constructor({ sqlite }: Database) {
    this.#find = sqlite.prepare(
      `SELECT id, uid_validity AS uidValidity FROM maildir_import_source
       WHERE mailbox = ? AND account = ? AND folder = ?`,
    );
    this.#addSource = sqlite.prepare(
      "INSERT INTO maildir_import_source (mailbox, account, folder, uid_validity) VALUES (?, ?, ?, ?)",
    );
    this.#uids = sqlite.prepare<[number], number>("SELECT uid FROM maildir_import_uid WHERE source = ?").pluck();
    this.#addUid = sqlite.prepare("INSERT OR IGNORE INTO maildir_import_uid VALUES (?, ?)");
    this.#forgetUids = sqlite.prepare("DELETE FROM maildir_import_uid WHERE source = ?");
    this.#forgetSource = sqlite.prepare("DELETE FROM maildir_import_source WHERE id = ?");
    this.#sourcesOf = sqlite
      .prepare<[number], number>("SELECT id FROM maildir_import_source WHERE mailbox = ?")
      .pluck();
    this.#anywhere = sqlite
      .prepare<[Uint8Array], number>(
        `SELECT 1 FROM maildir_mailbox m CROSS JOIN maildir_imported i ON i.mailbox = m.id AND i.hash = ? LIMIT 1`,
      )
      .pluck();
  }

  /** The UIDs that were imported into the mailbox; none after UIDVALIDITY changed. */
  uids(mailbox: number, { account, folder, uidValidity }: RemoteMailbox): Set<number> {
    const source = this.#find.get(mailbox, account, folder);
    return new Set(source?.uidValidity === uidValidity ? this.#uids.all(source.id) : []);
  }

  add(mailbox: number, { account, folder, uidValidity }: RemoteMailbox, uids: readonly number[]): void {
    let source = this.#find.get(mailbox, account, folder);
    if (source !== undefined && source.uidValidity !== uidValidity) {
      this.#forget(source.id);
      source = undefined;
    }
    const id = source?.id ?? Number(this.#addSource.run(mailbox, account, folder, uidValidity).lastInsertRowid);
    for (const uid of uids) this.#addUid.run(id, uid);
  }

  /** Whether an import brought this content into any mailbox that there is. */
  broughtAnywhere(hash: Uint8Array): boolean {
    return this.#anywhere.get(hash) !== undefined;
  }

  /** A mailbox is removed. */
  forgetMailbox(mailbox: number): void {
    for (const id of this.#sourcesOf.all(mailbox)) this.#forget(id);
  }

  #forget(id: number): void {
    this.#forgetUids.run(id);
    this.#forgetSource.run(id);
  }
}

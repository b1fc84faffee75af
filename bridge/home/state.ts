import { Database, type Schema, WrongDatabaseKey } from "../../foundation/database.ts";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { Vault } from "../../keyring/vault.ts";
import { dsnSchema } from "../reports/dsn-request.ts";
import { exists, type HomePaths } from "./home.ts";

/** What each key that is derived from the vault's is for. */
export const MAILDIR_KEY_LABEL = "maildir";
export const MESSAGE_ID_KEY_LABEL = "message-id";
export const ONION_KEY_LABEL = "onion service";
const DATABASE_KEY_LABEL = "state database";

const DAMAGED =
  "nothing was changed. `postern doctor --rebuild` makes the index of the mail anew from its files. An older copy of the home " +
  "works too: it gets new keys at the first letter that is exchanged, contacts stay what they are, and letters that did not " +
  "open are sent again by themselves";

/** Opens the state.db of a home that was made before. @throws Failure damaged, where it is missing or does not open */
export async function openExistingState(paths: HomePaths, vault: Vault): Promise<Database> {
  if (!(await exists(paths.state))) throw new Failure("damaged", `${paths.state} is missing: ${DAMAGED}`);
  try {
    return openState(paths, vault);
  } catch (error) {
    if (error instanceof WrongDatabaseKey || errorCode(error).startsWith("SQLITE_CORRUPT"))
      throw new Failure("damaged", `${paths.state} is damaged: ${DAMAGED}`, { cause: error });
    throw error;
  }
}

export const BRIDGE_SCHEMA: Schema = {
  part: "bridge",
  migrations: [
    `CREATE TABLE front_certificate (id INTEGER PRIMARY KEY CHECK (id = 1), authority TEXT NOT NULL, authority_key TEXT NOT NULL) STRICT;
     CREATE TABLE sent_copy (
       message_id TEXT PRIMARY KEY, uid INTEGER NOT NULL, mailbox TEXT NOT NULL, body_hash BLOB NOT NULL, sent_at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE letter (id BLOB PRIMARY KEY, message_id TEXT NOT NULL, envid TEXT, sent_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;`,
  ],
};

/** What opens state.db; 32 bytes. */
export function stateKey(vault: Vault): Buffer {
  return vault.derive(DATABASE_KEY_LABEL);
}

/** Opens or creates state.db, every page of it encrypted: index, keyring, outbox and ledger share it and its transactions. */
export function openState(paths: HomePaths, vault: Vault): Database {
  const db = new Database(paths.state, stateKey(vault));
  db.migrate(BRIDGE_SCHEMA);
  db.migrate(dsnSchema);
  return db;
}

import type { Schema } from "../foundation/database.ts";

/**
 * Accounts, and what is known of the provider's letters. A row in gateway_letter stands in the same transaction as the
 * letter itself, so that after any crash a letter is known exactly if it is here.
 */
export const GATEWAY_SCHEMA: Schema = {
  part: "legacy-gateway",
  migrations: [
    `
    CREATE TABLE gateway_account (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      address TEXT NOT NULL UNIQUE COLLATE NOCASE,
      settings TEXT NOT NULL,
      secret TEXT NOT NULL,
      paused INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE gateway_folder (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      account INTEGER NOT NULL REFERENCES gateway_account ON DELETE CASCADE,
      path TEXT NOT NULL,
      mailbox TEXT NOT NULL,
      mailbox_validity INTEGER NOT NULL,
      local_modseq INTEGER NOT NULL,
      uid_validity TEXT NOT NULL,
      modseq TEXT NOT NULL,
      seen TEXT,
      UNIQUE (account, path)
    ) STRICT;

    CREATE TABLE gateway_letter (
      folder INTEGER NOT NULL REFERENCES gateway_folder ON DELETE CASCADE,
      uid INTEGER NOT NULL,
      local_uid INTEGER,
      hash BLOB NOT NULL,
      stored_hash BLOB NOT NULL,
      message_id TEXT,
      size INTEGER NOT NULL,
      flags TEXT NOT NULL,
      fetched_at INTEGER NOT NULL,
      PRIMARY KEY (folder, uid)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX gateway_letter_local ON gateway_letter (folder, local_uid) WHERE local_uid IS NOT NULL;
    CREATE INDEX gateway_letter_fetched ON gateway_letter (folder, fetched_at);

    CREATE TABLE gateway_orphan (
      id INTEGER PRIMARY KEY,
      account INTEGER NOT NULL REFERENCES gateway_account ON DELETE CASCADE,
      kind TEXT NOT NULL,
      folder INTEGER NOT NULL,
      mailbox TEXT NOT NULL,
      local_uid INTEGER NOT NULL,
      hash BLOB NOT NULL,
      stored_hash BLOB NOT NULL,
      message_id TEXT,
      size INTEGER NOT NULL,
      flags TEXT NOT NULL
    ) STRICT;
    CREATE INDEX gateway_orphan_hash ON gateway_orphan (account, hash);
    `,
  ],
};

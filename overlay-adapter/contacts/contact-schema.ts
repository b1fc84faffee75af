import type { Schema } from "../../foundation/database.ts";

/**
 * How contacts come about and how far they are known; times are milliseconds since 1970. Invites of the first version
 * cannot be taken any more: their queues go.
 */
export const contactSchema: Schema = {
  part: "overlay-contacts",
  migrations: [
    `UPDATE overlay_own_queue SET state = 'deleting' WHERE label IS NULL;
     DROP TABLE overlay_invite;
     CREATE TABLE overlay_invite (
       id TEXT PRIMARY KEY,
       how TEXT NOT NULL CHECK (how IN ('invite', 'spoken-code', 'introduction')),
       state TEXT NOT NULL CHECK (state IN ('preparing', 'open', 'asking', 'used', 'closing')),
       secret BLOB NOT NULL,
       nonce BLOB NOT NULL,
       asks INTEGER NOT NULL,
       name TEXT,
       expires_at INTEGER NOT NULL,
       queue INTEGER NOT NULL,
       prekey_id INTEGER NOT NULL,
       kyber_prekey_id INTEGER NOT NULL,
       link TEXT,
       owner_seed BLOB,
       cell BLOB,
       hello BLOB,
       label TEXT
     ) STRICT;
     DROP TABLE overlay_join;
     CREATE TABLE overlay_join (
       id TEXT PRIMARY KEY,
       how TEXT NOT NULL CHECK (how IN ('invite', 'spoken-code', 'introduction')),
       label TEXT NOT NULL UNIQUE,
       state TEXT NOT NULL CHECK (state IN ('claiming', 'greeting', 'greeted')),
       link TEXT,
       petname TEXT NOT NULL,
       expires_at INTEGER NOT NULL,
       claim_seed BLOB,
       queue INTEGER NOT NULL,
       asks INTEGER NOT NULL DEFAULT 0,
       hello BLOB
     ) STRICT;
     CREATE TABLE overlay_phrase (
       label TEXT PRIMARY KEY,
       nonce BLOB NOT NULL,
       commitment BLOB,
       phrase TEXT
     ) STRICT, WITHOUT ROWID;`,
    `CREATE TABLE overlay_pair (
       id TEXT PRIMARY KEY,
       role TEXT NOT NULL CHECK (role IN ('maker', 'taker')),
       state TEXT NOT NULL
         CHECK (state IN ('preparing', 'open', 'burned', 'closing', 'claiming', 'answering', 'answered')),
       code TEXT NOT NULL,
       name TEXT NOT NULL,
       expires_at INTEGER NOT NULL,
       relay TEXT NOT NULL,
       seed BLOB NOT NULL,
       session BLOB,
       scalar BLOB,
       share BLOB,
       queue INTEGER,
       answer BLOB,
       address BLOB
     ) STRICT;`,
    `CREATE TABLE overlay_introducing (
       id BLOB PRIMARY KEY,
       a TEXT NOT NULL,
       b TEXT NOT NULL,
       passed INTEGER NOT NULL,
       at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_introduction (
       id TEXT PRIMARY KEY,
       introducer TEXT NOT NULL,
       other TEXT NOT NULL,
       name TEXT NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('offered', 'accepted', 'hosting', 'waiting')),
       co_recipient INTEGER NOT NULL,
       expires_at INTEGER NOT NULL,
       secret_key BLOB,
       own BLOB,
       theirs BLOB,
       bundle BLOB
     ) STRICT;
     CREATE TABLE overlay_introduced (
       label TEXT PRIMARY KEY,
       introducer TEXT NOT NULL,
       name TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;`,
  ],
};

import type { Schema } from "../foundation/database.ts";

/** The overlay's tables in the shared encrypted database. Times are milliseconds since 1970. */
export const overlaySchema: Schema = {
  part: "overlay",
  migrations: [
    `CREATE TABLE overlay_own_queue (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       label TEXT,
       state TEXT NOT NULL CHECK (state IN ('new', 'ready', 'deleting')),
       relay_host TEXT NOT NULL,
       relay_port INTEGER NOT NULL,
       relay_pin BLOB NOT NULL,
       recipient_id BLOB NOT NULL UNIQUE,
       recipient_seed BLOB NOT NULL,
       sender_id BLOB NOT NULL,
       sender_key BLOB NOT NULL,
       queue_key BLOB NOT NULL
     ) STRICT;
     CREATE TABLE overlay_contact_queue (
       label TEXT PRIMARY KEY,
       address BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_letter (
       letter BLOB PRIMARY KEY,
       kind TEXT NOT NULL CHECK (kind IN ('mail', 'control')),
       flags INTEGER NOT NULL,
       content_key BLOB NOT NULL,
       manifest_hash BLOB NOT NULL,
       size INTEGER NOT NULL,
       content BLOB,
       file TEXT
     ) STRICT;
     CREATE TABLE overlay_delivery (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       letter BLOB NOT NULL,
       label TEXT NOT NULL,
       kind TEXT NOT NULL,
       size INTEGER NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('waiting', 'encrypted', 'relayed', 'failed')),
       reason TEXT,
       told INTEGER NOT NULL DEFAULT 0,
       tag BLOB,
       slots BLOB,
       accepted INTEGER NOT NULL DEFAULT 0,
       since INTEGER NOT NULL,
       UNIQUE (letter, label)
     ) STRICT;
     CREATE INDEX overlay_delivery_open ON overlay_delivery (label, id) WHERE state IN ('waiting', 'encrypted');
     CREATE INDEX overlay_delivery_done ON overlay_delivery (state, since) WHERE state IN ('relayed', 'failed');
     CREATE TABLE overlay_chain (
       label TEXT NOT NULL,
       device_id INTEGER NOT NULL,
       sent_seq INTEGER NOT NULL,
       sent_hash BLOB NOT NULL,
       received_seq INTEGER NOT NULL,
       received_hash BLOB NOT NULL,
       PRIMARY KEY (label, device_id)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_missing (
       label TEXT NOT NULL,
       device_id INTEGER NOT NULL,
       seq INTEGER NOT NULL,
       PRIMARY KEY (label, device_id, seq)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_seen (
       label TEXT NOT NULL,
       letter BLOB NOT NULL,
       tag BLOB NOT NULL,
       at INTEGER NOT NULL,
       PRIMARY KEY (label, letter)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX overlay_seen_tag ON overlay_seen (label, tag);
     CREATE INDEX overlay_seen_at ON overlay_seen (at);
     CREATE TABLE overlay_invite (
       id TEXT PRIMARY KEY,
       state TEXT NOT NULL CHECK (state IN ('preparing', 'open', 'closing')),
       secret BLOB NOT NULL,
       owner_seed BLOB NOT NULL,
       name TEXT,
       expires_at INTEGER NOT NULL,
       link TEXT NOT NULL,
       queue INTEGER NOT NULL,
       prekey_id INTEGER NOT NULL,
       kyber_prekey_id INTEGER NOT NULL,
       cell BLOB
     ) STRICT;
     CREATE TABLE overlay_join (
       id TEXT PRIMARY KEY,
       label TEXT NOT NULL UNIQUE,
       state TEXT NOT NULL CHECK (state IN ('claiming', 'greeting', 'greeted')),
       link TEXT NOT NULL,
       petname TEXT NOT NULL,
       expires_at INTEGER NOT NULL,
       claim_seed BLOB NOT NULL,
       queue INTEGER NOT NULL,
       hello BLOB
     ) STRICT;`,
    `ALTER TABLE overlay_missing ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
     ALTER TABLE overlay_missing ADD COLUMN told INTEGER NOT NULL DEFAULT 0;`,
  ],
};

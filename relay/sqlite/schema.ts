import type { Schema } from "../../foundation/database.ts";

/** One cell with its row's overhead fills one page, with no overflow pages: measured half as fast again as with 4,096. */
export const PAGE_SIZE = 16_384;

/**
 * Cells are numbered by arrival over all queues, so that new ones are added at one end of the table and the oldest are
 * found at the other without an index of times.
 */
export const RELAY_SCHEMA: Schema = {
  part: "relay",
  migrations: [
    `CREATE TABLE queue (
       id INTEGER PRIMARY KEY,
       recipient_id BLOB NOT NULL UNIQUE,
       sender_id BLOB NOT NULL UNIQUE,
       recipient_key BLOB NOT NULL,
       sender_key BLOB NOT NULL,
       next_seq INTEGER NOT NULL DEFAULT 1,
       cells INTEGER NOT NULL DEFAULT 0,
       used_at INTEGER NOT NULL
     ) STRICT;
     CREATE TABLE cell (
       id INTEGER PRIMARY KEY,
       queue INTEGER NOT NULL,
       seq INTEGER NOT NULL,
       received_at INTEGER NOT NULL,
       cell BLOB NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX cell_by_queue ON cell (queue, seq);
     CREATE TABLE slot (
       slot_id BLOB PRIMARY KEY,
       owner_key BLOB NOT NULL,
       expires INTEGER NOT NULL,
       claim_key BLOB,
       burned INTEGER NOT NULL DEFAULT 0,
       digest BLOB NOT NULL,
       cell BLOB
     ) STRICT;`,
    // Of the queues and slots before there were several tokens, all belong to the first, which is the relay's own.
    `CREATE TABLE token (
       id INTEGER PRIMARY KEY,
       hash BLOB NOT NULL UNIQUE,
       name TEXT NOT NULL UNIQUE,
       queues INTEGER,
       octets INTEGER,
       creations_per_hour INTEGER,
       made_at INTEGER NOT NULL,
       revoked_at INTEGER,
       emptied INTEGER NOT NULL DEFAULT 0
     ) STRICT;
     ALTER TABLE queue ADD COLUMN token INTEGER NOT NULL DEFAULT 1;
     ALTER TABLE slot ADD COLUMN token INTEGER NOT NULL DEFAULT 1;
     ALTER TABLE slot ADD COLUMN keep_until INTEGER NOT NULL DEFAULT 0;
     UPDATE slot SET keep_until = expires;
     CREATE INDEX queue_by_token ON queue (token);
     CREATE TABLE lived_time (id INTEGER PRIMARY KEY CHECK (id = 1), time INTEGER NOT NULL) STRICT;`,
  ],
};

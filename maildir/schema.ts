import type { Schema } from "../foundation/database.ts";

/**
 * The index. Rows that listings read are small and lie together by mailbox and UID; what belongs to the message itself
 * is shared by its copies (`content`), and large values have tables of their own so that ENVELOPEs are read without headers.
 */
export const MAILDIR_SCHEMA: Schema = {
  part: "maildir",
  migrations: [
    `
    CREATE TABLE maildir_state (
      only INTEGER PRIMARY KEY CHECK (only = 1),
      last_uid_validity INTEGER NOT NULL,
      closed INTEGER NOT NULL
    ) STRICT;
    INSERT INTO maildir_state VALUES (1, 0, 1);

    CREATE TABLE maildir_mailbox (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      object_id TEXT NOT NULL UNIQUE,
      folder TEXT NOT NULL UNIQUE,
      name TEXT NOT NULL UNIQUE,
      special_use TEXT,
      uid_validity INTEGER NOT NULL,
      uid_next INTEGER NOT NULL DEFAULT 1,
      highest_modseq INTEGER NOT NULL DEFAULT 1,
      recent_from INTEGER NOT NULL DEFAULT 1,
      expunge_floor INTEGER NOT NULL DEFAULT 0,
      described INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE maildir_subscription (name TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;

    CREATE TABLE maildir_message (
      mailbox INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      flags INTEGER NOT NULL,
      keywords TEXT NOT NULL,
      modseq INTEGER NOT NULL,
      internal_date INTEGER NOT NULL,
      save_date INTEGER NOT NULL,
      size INTEGER NOT NULL,
      email_id TEXT NOT NULL,
      thread_id TEXT NOT NULL,
      content INTEGER NOT NULL,
      file TEXT NOT NULL,
      PRIMARY KEY (mailbox, uid)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX maildir_message_file ON maildir_message (file);
    CREATE INDEX maildir_message_modseq ON maildir_message (mailbox, modseq);
    CREATE INDEX maildir_message_content ON maildir_message (content);

    CREATE TABLE maildir_content (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      message_id BLOB,
      hash BLOB NOT NULL,
      envelope TEXT NOT NULL
    ) STRICT;
    CREATE INDEX maildir_content_message_id ON maildir_content (message_id) WHERE message_id IS NOT NULL;

    CREATE TABLE maildir_structure (
      content INTEGER PRIMARY KEY,
      body_structure TEXT NOT NULL,
      structure BLOB NOT NULL
    ) STRICT;

    CREATE TABLE maildir_header (
      content INTEGER PRIMARY KEY,
      header BLOB NOT NULL
    ) STRICT;

    CREATE TABLE maildir_thread (message_id BLOB PRIMARY KEY, thread_id TEXT NOT NULL) STRICT, WITHOUT ROWID;

    CREATE TABLE maildir_keyword (
      mailbox INTEGER NOT NULL,
      name TEXT NOT NULL COLLATE NOCASE,
      PRIMARY KEY (mailbox, name)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE maildir_expunged (
      mailbox INTEGER NOT NULL,
      modseq INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      PRIMARY KEY (mailbox, modseq, uid)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE maildir_imported (
      mailbox INTEGER NOT NULL,
      hash BLOB NOT NULL,
      PRIMARY KEY (mailbox, hash)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE maildir_garbage (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      folder TEXT NOT NULL,
      file TEXT
    ) STRICT;
    `,
    // The texts themselves are indexed in tables that text-index.ts makes as letters come.
    `
    CREATE TABLE maildir_text_progress (
      only INTEGER PRIMARY KEY CHECK (only = 1),
      content INTEGER NOT NULL,
      row_count INTEGER NOT NULL
    ) STRICT;
    INSERT INTO maildir_text_progress VALUES (1, 0, 0);

    CREATE TABLE maildir_text_apart (content INTEGER PRIMARY KEY) STRICT;
    CREATE TABLE maildir_text_garbage (content INTEGER PRIMARY KEY) STRICT;
    `,
    // Everything is indexed anew: without positions, and with the bodies' texts beside it. The tables before go one by one.
    `
    CREATE TABLE maildir_text_body (row INTEGER PRIMARY KEY, text BLOB NOT NULL) STRICT;
    UPDATE maildir_text_progress SET content = 0, row_count = 0;
    DELETE FROM maildir_text_apart;
    `,
    `
    CREATE TABLE maildir_listing (content INTEGER PRIMARY KEY, fields TEXT NOT NULL) STRICT;
    `,
    `
    CREATE TABLE maildir_annotation (
      mailbox INTEGER NOT NULL,
      entry TEXT NOT NULL,
      value BLOB NOT NULL,
      PRIMARY KEY (mailbox, entry)
    ) STRICT, WITHOUT ROWID;
    `,
    // What all messages have together, for the quota: counted where it cannot be forgotten, and undone with what it counts.
    `
    ALTER TABLE maildir_state ADD COLUMN message_octets INTEGER NOT NULL DEFAULT 0;
    UPDATE maildir_state SET message_octets = (SELECT COALESCE(SUM(size), 0) FROM maildir_message);
    CREATE TRIGGER maildir_message_comes AFTER INSERT ON maildir_message BEGIN
      UPDATE maildir_state SET message_octets = message_octets + NEW.size;
    END;
    CREATE TRIGGER maildir_message_goes AFTER DELETE ON maildir_message BEGIN
      UPDATE maildir_state SET message_octets = message_octets - OLD.size;
    END;
    `,
    // UIDs that work gave which is all or none, and is done in several transactions; no notes are left when it is done.
    `
    CREATE TABLE maildir_unfinished (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      mailbox INTEGER NOT NULL,
      first_uid INTEGER NOT NULL,
      last_uid INTEGER NOT NULL
    ) STRICT;
    `,
    // What changed since a MODSEQ is found in memory, so that no change of flags has to keep an index up to date.
    "DROP INDEX maildir_message_modseq;",
    // What SORT and THREAD compare. Contents up to `unsorted_to` have no row yet: sorting-filler.ts makes them, the newest first.
    `
    CREATE TABLE maildir_sorting (
      content INTEGER PRIMARY KEY,
      sent INTEGER,
      is_reply INTEGER NOT NULL,
      subject TEXT NOT NULL,
      links TEXT NOT NULL,
      addresses TEXT NOT NULL
    ) STRICT;
    ALTER TABLE maildir_state ADD COLUMN unsorted_to INTEGER NOT NULL DEFAULT 0;
    UPDATE maildir_state SET unsorted_to = (SELECT COALESCE(MAX(id), 0) FROM maildir_content);
    `,
  ],
};

import type { Schema } from "../../foundation/database.ts";

/** Who has acknowledged what, on both sides. Times are milliseconds since 1970. */
export const receiptSchema: Schema = {
  part: "overlay-receipts",
  migrations: [
    // Sent letters, per device that has not acknowledged them.
    `CREATE TABLE overlay_unreceipted (
       delivery INTEGER NOT NULL,
       device_id INTEGER NOT NULL,
       letter BLOB NOT NULL,
       label TEXT NOT NULL,
       header_hash BLOB NOT NULL,
       since INTEGER NOT NULL,
       PRIMARY KEY (delivery, device_id)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX overlay_unreceipted_letter ON overlay_unreceipted (letter, label);
     CREATE INDEX overlay_unreceipted_device ON overlay_unreceipted (label, device_id);
     CREATE INDEX overlay_unreceipted_since ON overlay_unreceipted (since);
     CREATE TABLE overlay_progress (
       letter BLOB NOT NULL,
       label TEXT NOT NULL,
       kind TEXT NOT NULL CHECK (kind IN ('delayed', 'relayed', 'delivered')),
       at INTEGER NOT NULL,
       told INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (letter, label, kind)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX overlay_progress_untold ON overlay_progress (at) WHERE told = 0;
     CREATE INDEX overlay_progress_at ON overlay_progress (at);
     CREATE TABLE overlay_receipt (
       label TEXT NOT NULL,
       letter BLOB NOT NULL,
       header_hash BLOB NOT NULL,
       at INTEGER NOT NULL,
       due INTEGER,
       PRIMARY KEY (label, letter)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX overlay_receipt_due ON overlay_receipt (label, due) WHERE due IS NOT NULL;
     CREATE INDEX overlay_receipt_at ON overlay_receipt (at);`,
  ],
};

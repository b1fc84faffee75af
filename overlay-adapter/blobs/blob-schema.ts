import type { Schema } from "../../foundation/database.ts";

/**
 * `blob_out`: an own letter's blob at an own relay. `blob_way`: a recipient that is to read it there; `used` once the
 * letter was encrypted so. `blob_in`: a letter whose blob is to be fetched. `blob_device`: contacts' devices that read blobs.
 */
export const blobSchema: Schema = {
  part: "overlay-blobs",
  migrations: [
    `CREATE TABLE overlay_blob_out (
       letter BLOB PRIMARY KEY,
       state TEXT NOT NULL CHECK (state IN ('uploading', 'ready', 'deleting')),
       blob_id BLOB NOT NULL,
       owner_seed BLOB NOT NULL,
       relay_pin BLOB,
       at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_blob_way (
       letter BLOB NOT NULL,
       label TEXT NOT NULL,
       read_secret BLOB NOT NULL,
       devices BLOB NOT NULL,
       used INTEGER NOT NULL DEFAULT 0,
       PRIMARY KEY (letter, label)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE overlay_blob_in (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       label TEXT NOT NULL,
       letter BLOB NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('fetching', 'asked', 'read')),
       device_id INTEGER NOT NULL,
       as_device INTEGER NOT NULL,
       tag BLOB NOT NULL,
       content_key BLOB NOT NULL,
       manifest_hash BLOB NOT NULL,
       header_hash BLOB NOT NULL,
       flags INTEGER NOT NULL,
       size INTEGER NOT NULL,
       relay_host TEXT NOT NULL,
       relay_port INTEGER NOT NULL,
       relay_pin BLOB NOT NULL,
       read_secret BLOB NOT NULL,
       tries INTEGER NOT NULL DEFAULT 0,
       at INTEGER NOT NULL,
       UNIQUE (label, letter)
     ) STRICT;
     CREATE TABLE overlay_blob_device (
       label TEXT NOT NULL,
       device_id INTEGER NOT NULL,
       PRIMARY KEY (label, device_id)
     ) STRICT, WITHOUT ROWID;`,
  ],
};

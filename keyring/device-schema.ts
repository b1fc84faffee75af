import type { Schema } from "../foundation/database.ts";

/** This device's libsignal keys and sessions. A session is never part of a backup: restored, it is dead in both directions. */
export const deviceSchema: Schema = {
  part: "device",
  migrations: [
    `CREATE TABLE device (
       one INTEGER PRIMARY KEY CHECK (one = 1),
       device_id INTEGER NOT NULL,
       registration_id INTEGER NOT NULL,
       identity_key_pair BLOB NOT NULL
     ) STRICT;
     CREATE TABLE device_signed_prekey (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       created_at INTEGER NOT NULL,
       record BLOB NOT NULL
     ) STRICT;
     CREATE TABLE device_prekey (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       record BLOB NOT NULL
     ) STRICT;
     CREATE TABLE device_kyber_prekey (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       created_at INTEGER NOT NULL,
       last_resort INTEGER NOT NULL,
       record BLOB NOT NULL
     ) STRICT;
     CREATE TABLE device_kyber_used (
       kyber_id INTEGER NOT NULL,
       signed_id INTEGER NOT NULL,
       base_key BLOB NOT NULL,
       PRIMARY KEY (kyber_id, signed_id, base_key)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE device_session (
       label TEXT NOT NULL,
       device_id INTEGER NOT NULL,
       record BLOB NOT NULL,
       PRIMARY KEY (label, device_id)
     ) STRICT, WITHOUT ROWID;`,
  ],
};

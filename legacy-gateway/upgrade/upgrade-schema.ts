import type { Schema } from "../../foundation/database.ts";

/** How old addresses become contacts'. Addresses are in lower case; times are milliseconds since 1970. */
export const UPGRADE_SCHEMA: Schema = {
  part: "gateway-upgrade",
  migrations: [
    `
    CREATE TABLE gateway_upgrade_consent (
      address TEXT PRIMARY KEY,
      consent TEXT NOT NULL CHECK (consent IN ('off', 'encrypted', 'clear'))
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE gateway_upgrade_invitation (
      invite TEXT PRIMARY KEY,
      address TEXT NOT NULL,
      encrypted INTEGER NOT NULL,
      link TEXT NOT NULL,
      made_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX gateway_upgrade_invitation_address ON gateway_upgrade_invitation (address, encrypted);

    CREATE TABLE gateway_upgrade_offer (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      address TEXT NOT NULL,
      inviter TEXT NOT NULL,
      link TEXT NOT NULL,
      came TEXT NOT NULL CHECK (came IN ('signed', 'encrypted', 'clear')),
      state TEXT NOT NULL CHECK (state IN ('open', 'accepting', 'taken', 'refused', 'failed')),
      told_at INTEGER,
      joining TEXT,
      seen_at INTEGER NOT NULL,
      expires_at INTEGER NOT NULL,
      UNIQUE (address, inviter)
    ) STRICT;
    CREATE INDEX gateway_upgrade_offer_inviter ON gateway_upgrade_offer (inviter);

    CREATE TABLE gateway_alias (
      address TEXT NOT NULL,
      label TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('joining', 'moved', 'rival')),
      invited INTEGER NOT NULL,
      came TEXT NOT NULL CHECK (came IN ('signed', 'encrypted', 'clear')),
      since INTEGER NOT NULL,
      told INTEGER NOT NULL,
      PRIMARY KEY (address, label)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX gateway_alias_holder ON gateway_alias (address) WHERE state <> 'rival';
    CREATE INDEX gateway_alias_label ON gateway_alias (label);
    `,
    `
    CREATE TABLE gateway_once_moved (address TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
    INSERT INTO gateway_once_moved SELECT address FROM gateway_alias WHERE state = 'moved';
    `,
  ],
};

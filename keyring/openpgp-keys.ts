import { createHash } from "node:crypto";
import type { Database, Schema } from "../foundation/database.ts";
import { OPENPGP_KEYS_OF_ADDRESS_MAX } from "./limits.ts";

export const openPgpKeysSchema: Schema = {
  part: "openpgp-keys",
  migrations: [
    `
    CREATE TABLE openpgp_own (
      fingerprint TEXT PRIMARY KEY,
      secret BLOB NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE openpgp_certificate (
      fingerprint TEXT PRIMARY KEY,
      certificate BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE openpgp_key_id (
      key_id TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      PRIMARY KEY (key_id, fingerprint)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE openpgp_binding (
      address TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      origin TEXT NOT NULL,
      accepted INTEGER NOT NULL,
      first_seen INTEGER NOT NULL,
      last_seen INTEGER NOT NULL,
      PRIMARY KEY (address, fingerprint)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE openpgp_history (
      id INTEGER PRIMARY KEY,
      address TEXT NOT NULL,
      fingerprint TEXT NOT NULL,
      event TEXT NOT NULL,
      origin TEXT NOT NULL,
      at INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX openpgp_history_address ON openpgp_history (address, id);

    CREATE TABLE openpgp_peer (
      address TEXT PRIMARY KEY,
      state TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
    `,
    "CREATE TABLE openpgp_encrypted (message_id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID",
  ],
};

/** Where a key of somebody else came from, the best first. */
export const KEY_ORIGINS = ["own", "import", "autocrypt", "wkd", "attachment", "keyserver", "gossip"] as const;
export type KeyOrigin = (typeof KEY_ORIGINS)[number];

export interface OwnOpenPgpKey {
  /** Hexadecimal, lower case. */
  readonly fingerprint: string;
  /** A transferable secret key, binary, not protected by a passphrase: the database is encrypted. */
  readonly secret: Buffer;
  /** Milliseconds since 1970; when it came here. */
  readonly createdAt: number;
}

/** That a key belongs to an address, as far as is known. */
export interface KeyBinding {
  /** In lower case. */
  readonly address: string;
  readonly fingerprint: string;
  readonly origin: KeyOrigin;
  /** It was the first key of this address, or the user said that it is right. */
  readonly accepted: boolean;
  /** Milliseconds since 1970. */
  readonly firstSeen: number;
  readonly lastSeen: number;
}

export interface NewCertificate {
  readonly fingerprint: string;
  /** A transferable public key, binary. */
  readonly certificate: Uint8Array;
  /** Of all its keys that may sign, 16 hexadecimal digits each, lower case. */
  readonly keyIds: readonly string[];
}

export interface KeyEvent {
  readonly address: string;
  readonly fingerprint: string;
  readonly event: "first" | "another" | "accepted" | "removed" | "updated";
  readonly origin: KeyOrigin;
  readonly at: number;
}

interface BindingRow extends Omit<KeyBinding, "accepted"> {
  readonly accepted: number;
}

const BINDING = "address, fingerprint, origin, accepted, first_seen AS firstSeen, last_seen AS lastSeen";

/**
 * OpenPGP keys in the encrypted database: the user's own, and those of others with where they came from. It knows nothing
 * of what is in them. All methods are synchronous and join the caller's transaction.
 */
export class OpenPgpKeys {
  readonly #db: Database;
  readonly #now: () => number;

  /** `now` in milliseconds since 1970. */
  constructor(db: Database, { now }: { readonly now: () => number }) {
    this.#db = db;
    this.#now = now;
    db.migrate(openPgpKeysSchema);
  }

  /** The newest first. */
  own(): OwnOpenPgpKey[] {
    const rows = this.#db.sqlite
      .prepare(
        "SELECT fingerprint, secret, created_at AS createdAt FROM openpgp_own ORDER BY created_at DESC, fingerprint",
      )
      .all();
    return rows as OwnOpenPgpKey[];
  }

  /** Replaces one with the same fingerprint; the addresses, in lower case, are bound to it. */
  addOwn(secret: Uint8Array, certificate: NewCertificate, addresses: readonly string[]): void {
    this.#db.transaction(() => {
      this.#db.sqlite
        .prepare(
          "INSERT INTO openpgp_own VALUES (?, ?, ?) ON CONFLICT (fingerprint) DO UPDATE SET secret = excluded.secret",
        )
        .run(certificate.fingerprint, Buffer.from(secret), this.#now());
      this.storeCertificate(certificate);
      for (const address of addresses) this.bind(address, certificate.fingerprint, "own");
    });
  }

  /** Replaces an older state of the same certificate. */
  storeCertificate({ fingerprint, certificate, keyIds }: NewCertificate): void {
    this.#db.transaction(() => {
      this.#db.sqlite
        .prepare(
          "INSERT INTO openpgp_certificate VALUES (?, ?) ON CONFLICT (fingerprint) DO UPDATE SET certificate = excluded.certificate",
        )
        .run(fingerprint, Buffer.from(certificate));
      for (const keyId of keyIds)
        this.#db.sqlite.prepare("INSERT OR IGNORE INTO openpgp_key_id VALUES (?, ?)").run(keyId, fingerprint);
    });
  }

  certificate(fingerprint: string): Buffer | undefined {
    return this.#db.sqlite
      .prepare("SELECT certificate FROM openpgp_certificate WHERE fingerprint = ?")
      .pluck()
      .get(fingerprint) as Buffer | undefined;
  }

  /** Certificates that hold a key with one of these ids. */
  withKeyIds(keyIds: readonly string[]): Buffer[] {
    const fingerprints = new Set<string>();
    for (const keyId of keyIds) {
      const rows = this.#db.sqlite
        .prepare("SELECT fingerprint FROM openpgp_key_id WHERE key_id = ?")
        .pluck()
        .all(keyId);
      for (const fingerprint of rows) fingerprints.add(fingerprint as string);
    }
    return [...fingerprints].flatMap((fingerprint) => this.certificate(fingerprint) ?? []);
  }

  /**
   * Remembers that a key belongs to an address. The first key of an address is accepted at once, and so is what the user
   * brings; another one waits for the user's word. What was found before keeps the better origin.
   */
  bind(address: string, fingerprint: string, origin: KeyOrigin): { readonly outcome: "known" | "first" | "another" } {
    return this.#db.transaction(() => {
      const now = this.#now();
      const bindings = this.bindings(address);
      const known = bindings.find((one) => one.fingerprint === fingerprint);
      const chosen = origin === "own" || origin === "import";
      if (known !== undefined) {
        const better = KEY_ORIGINS.indexOf(origin) < KEY_ORIGINS.indexOf(known.origin) ? origin : known.origin;
        const direct = bindings.filter((one) => one.origin !== "gossip" && one.fingerprint !== fingerprint);
        const accepted = known.accepted || chosen || (origin !== "gossip" && direct.length === 0);
        this.#db.sqlite
          .prepare(
            "UPDATE openpgp_binding SET origin = ?, accepted = ?, last_seen = ? WHERE address = ? AND fingerprint = ?",
          )
          .run(better, accepted ? 1 : 0, now, address, fingerprint);
        return { outcome: "known" };
      }
      const others = bindings.filter((one) => one.origin !== "gossip");
      const first = others.length === 0;
      // What is only said by a third person is never taken for proven.
      const accepted = chosen || (first && origin !== "gossip");
      this.#forgetOldest(bindings);
      this.#db.sqlite
        .prepare("INSERT INTO openpgp_binding VALUES (?, ?, ?, ?, ?, ?)")
        .run(address, fingerprint, origin, accepted ? 1 : 0, now, now);
      this.#tell(address, fingerprint, first ? "first" : "another", origin);
      return { outcome: first ? "first" : "another" };
    });
  }

  /** The accepted ones first, then by origin, then the newest. */
  bindings(address: string): KeyBinding[] {
    const rows = this.#db.sqlite.prepare(`SELECT ${BINDING} FROM openpgp_binding WHERE address = ?`).all(address);
    const rank = (one: KeyBinding) => KEY_ORIGINS.indexOf(one.origin);
    return (rows as BindingRow[])
      .map((row) => ({ ...row, accepted: row.accepted === 1 }))
      .sort((a, b) => Number(b.accepted) - Number(a.accepted) || rank(a) - rank(b) || b.lastSeen - a.lastSeen);
  }

  /** All that are known, by address. */
  allBindings(): KeyBinding[] {
    const rows = this.#db.sqlite.prepare(`SELECT ${BINDING} FROM openpgp_binding ORDER BY address, first_seen`).all();
    return (rows as BindingRow[]).map((row) => ({ ...row, accepted: row.accepted === 1 }));
  }

  /** Whether the user, or its having been the first, says that the key is that address's. */
  isAccepted(fingerprint: string, address: string): boolean {
    return this.bindings(address).some((one) => one.fingerprint === fingerprint && one.accepted);
  }

  /** The user says that this is the one; other ones of the address are not accepted any more. False where it is not known. */
  accept(address: string, fingerprint: string): boolean {
    return this.#db.transaction(() => {
      const known = this.bindings(address).find((one) => one.fingerprint === fingerprint);
      if (known === undefined) return false;
      this.#db.sqlite
        .prepare("UPDATE openpgp_binding SET accepted = (fingerprint = ?) WHERE address = ?")
        .run(fingerprint, address);
      this.#tell(address, fingerprint, "accepted", known.origin);
      return true;
    });
  }

  /** What became of an address's keys, the oldest first. */
  history(address: string): KeyEvent[] {
    const rows = this.#db.sqlite
      .prepare("SELECT address, fingerprint, event, origin, at FROM openpgp_history WHERE address = ? ORDER BY id")
      .all(address);
    return rows as KeyEvent[];
  }

  /** What is kept of somebody who writes, as text; undefined where there is nothing. */
  peerState(address: string): string | undefined {
    return this.#db.sqlite.prepare("SELECT state FROM openpgp_peer WHERE address = ?").pluck().get(address) as
      | string
      | undefined;
  }

  setPeerState(address: string, state: string): void {
    this.#db.transaction(() => {
      this.#db.sqlite.prepare("INSERT OR REPLACE INTO openpgp_peer VALUES (?, ?)").run(address, state);
    });
  }

  /** A letter that was encrypted: what answers it may quote it. */
  rememberEncrypted(messageId: string): void {
    this.#db.transaction(() => {
      this.#db.sqlite.prepare("INSERT OR IGNORE INTO openpgp_encrypted VALUES (?)").run(shortHash(messageId));
    });
  }

  /** Whether one of the letters, by their Message-IDs, was encrypted. */
  wasEncrypted(messageIds: readonly string[]): boolean {
    const known = this.#db.sqlite.prepare("SELECT 1 FROM openpgp_encrypted WHERE message_id = ?");
    return messageIds.some((id) => known.get(shortHash(id)) !== undefined);
  }

  #forgetOldest(bindings: readonly KeyBinding[]): void {
    if (bindings.length < OPENPGP_KEYS_OF_ADDRESS_MAX) return;
    const oldest = bindings.filter((one) => !one.accepted).sort((a, b) => a.lastSeen - b.lastSeen)[0];
    if (oldest === undefined) return;
    this.#db.sqlite
      .prepare("DELETE FROM openpgp_binding WHERE address = ? AND fingerprint = ?")
      .run(oldest.address, oldest.fingerprint);
    this.#tell(oldest.address, oldest.fingerprint, "removed", oldest.origin);
  }

  #tell(address: string, fingerprint: string, event: KeyEvent["event"], origin: KeyOrigin): void {
    this.#db.sqlite
      .prepare("INSERT INTO openpgp_history (address, fingerprint, event, origin, at) VALUES (?, ?, ?, ?, ?)")
      .run(address, fingerprint, event, origin, this.#now());
  }
}

/** Message-IDs are others' words, of any length. */
function shortHash(messageId: string): Buffer {
  return createHash("sha256").update(messageId).digest().subarray(0, 16);
}

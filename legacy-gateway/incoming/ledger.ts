import type { Database } from "../../foundation/database.ts";

/** A folder of the provider, and the mailbox that it became. */
export interface LedgerFolder {
  readonly id: number;
  readonly path: string;
  readonly mailbox: string;
  readonly mailboxValidity: number;
  /** What was changed here until then, the provider knows. */
  readonly localModSeq: number;
  /** The provider's UIDVALIDITY; empty before the first look. */
  readonly uidValidity: string;
  /** The provider's HIGHESTMODSEQ up to which flags are known; 0 where it has none. */
  readonly modSeq: bigint;
  /** What STATUS said when all was compared last; as long as it says the same, nothing has changed. */
  readonly seen: string | undefined;
}

/** A letter of the provider's that is known here. */
export interface LedgerLetter {
  readonly uid: number;
  /** Undefined for one that is not kept here: too big, or gone from here. */
  readonly localUid: number | undefined;
  /** SHA-256 of the provider's octets, and of the stored ones. */
  readonly hash: Buffer;
  readonly storedHash: Buffer;
  readonly messageId: string | undefined;
  /** Octets as stored. */
  readonly size: number;
  /** What the provider has, as far as it was told. */
  readonly flags: string;
  readonly fetchedAt: number;
}

/** A letter here that has lost its counterpart: the provider numbered the folder anew, or moved or removed the letter or the folder. */
export interface Orphan extends Omit<LedgerLetter, "uid" | "localUid" | "fetchedAt"> {
  readonly id: number;
  readonly kind: "vanished" | "renumbered" | "moved" | "stray";
  readonly folder: number;
  readonly mailbox: string;
  readonly localUid: number;
}

interface FolderRow {
  id: number;
  path: string;
  mailbox: string;
  mailbox_validity: number;
  local_modseq: number;
  uid_validity: string;
  modseq: string;
  seen: string | null;
}

interface LetterRow {
  uid: number;
  local_uid: number | null;
  hash: Buffer;
  stored_hash: Buffer;
  message_id: string | null;
  size: number;
  flags: string;
  fetched_at: number;
}

/** What is known of one account's letters. Methods are synchronous and join the caller's transaction. */
export class Ledger {
  readonly #sqlite: Database["sqlite"];
  readonly #account: number;

  constructor(db: Database, account: number) {
    this.#sqlite = db.sqlite;
    this.#account = account;
  }

  folders(): LedgerFolder[] {
    const rows = this.#sqlite
      .prepare<[number], FolderRow>("SELECT * FROM gateway_folder WHERE account = ? ORDER BY id")
      .all(this.#account);
    return rows.map((row) => ({
      id: row.id,
      path: row.path,
      mailbox: row.mailbox,
      mailboxValidity: row.mailbox_validity,
      localModSeq: row.local_modseq,
      uidValidity: row.uid_validity,
      modSeq: BigInt(row.modseq),
      seen: row.seen ?? undefined,
    }));
  }

  folder(id: number): LedgerFolder | undefined {
    return this.folders().find((folder) => folder.id === id);
  }

  addFolder(path: string, mailbox: string, mailboxValidity: number, localModSeq: number): void {
    this.#sqlite
      .prepare(
        `INSERT INTO gateway_folder (account, path, mailbox, mailbox_validity, local_modseq, uid_validity, modseq, seen)
         VALUES (?, ?, ?, ?, ?, '', '0', NULL)`,
      )
      .run(this.#account, path, mailbox, mailboxValidity, localModSeq);
  }

  /** The provider calls the folder something else now. */
  setPath(id: number, path: string): void {
    this.#sqlite.prepare("UPDATE gateway_folder SET path = ?, seen = NULL WHERE id = ?").run(path, id);
  }

  /** The provider has the folder no more; its letters that are here wait, without end, to be found again. */
  strandFolder(id: number): void {
    this.#sqlite
      .prepare(
        `INSERT INTO gateway_orphan (account, kind, folder, mailbox, local_uid, hash, stored_hash, message_id, size, flags)
         SELECT f.account, 'stray', f.id, f.mailbox, l.local_uid, l.hash, l.stored_hash, l.message_id, l.size, l.flags
         FROM gateway_letter l JOIN gateway_folder f ON f.id = l.folder
         WHERE f.id = ? AND l.local_uid IS NOT NULL`,
      )
      .run(id);
    this.#sqlite.prepare("DELETE FROM gateway_folder WHERE id = ?").run(id);
  }

  setUidValidity(folder: number, uidValidity: string): void {
    this.#sqlite
      .prepare("UPDATE gateway_folder SET uid_validity = ?, modseq = '0', seen = NULL WHERE id = ?")
      .run(uidValidity, folder);
  }

  setModSeq(folder: number, modSeq: bigint): void {
    this.#sqlite.prepare("UPDATE gateway_folder SET modseq = ? WHERE id = ?").run(modSeq.toString(), folder);
  }

  setSeen(folder: number, seen: string | undefined): void {
    this.#sqlite.prepare("UPDATE gateway_folder SET seen = ? WHERE id = ?").run(seen ?? null, folder);
  }

  setLocalModSeq(folder: number, modSeq: number): void {
    this.#sqlite.prepare("UPDATE gateway_folder SET local_modseq = ? WHERE id = ?").run(modSeq, folder);
  }

  /** The mailbox's UIDs are others now; what was bound to them is no longer here as far as anybody knows. */
  rebindFolder(folder: number, mailbox: string, mailboxValidity: number, localModSeq: number): void {
    this.#sqlite.prepare("UPDATE gateway_letter SET local_uid = NULL WHERE folder = ?").run(folder);
    this.#sqlite.prepare("DELETE FROM gateway_orphan WHERE folder = ?").run(folder);
    this.#sqlite
      .prepare("UPDATE gateway_folder SET mailbox = ?, mailbox_validity = ?, local_modseq = ? WHERE id = ?")
      .run(mailbox, mailboxValidity, localModSeq, folder);
  }

  /** UIDs of the provider that are known, ascending. */
  uids(folder: number): number[] {
    return this.#sqlite
      .prepare<[number], number>("SELECT uid FROM gateway_letter WHERE folder = ? ORDER BY uid")
      .pluck()
      .all(folder);
  }

  /** The lowest UID that is higher than any known one. */
  uidNext(folder: number): number {
    const highest = this.#sqlite
      .prepare<[number], number | null>("SELECT max(uid) FROM gateway_letter WHERE folder = ?")
      .pluck()
      .get(folder);
    return (highest ?? 0) + 1;
  }

  count(folder: number): number {
    return (
      this.#sqlite
        .prepare<[number], number>("SELECT count(*) FROM gateway_letter WHERE folder = ?")
        .pluck()
        .get(folder) ?? 0
    );
  }

  letter(folder: number, uid: number): LedgerLetter | undefined {
    const row = this.#sqlite
      .prepare<[number, number], LetterRow>("SELECT * FROM gateway_letter WHERE folder = ? AND uid = ?")
      .get(folder, uid);
    return row && letterOf(row);
  }

  byLocalUid(folder: number, localUid: number): LedgerLetter | undefined {
    const row = this.#sqlite
      .prepare<[number, number], LetterRow>("SELECT * FROM gateway_letter WHERE folder = ? AND local_uid = ?")
      .get(folder, localUid);
    return row && letterOf(row);
  }

  /** Letters here that are bound, with their UIDs on both sides. */
  bound(folder: number): { readonly uid: number; readonly localUid: number }[] {
    return this.#sqlite
      .prepare<[number], { uid: number; localUid: number }>(
        "SELECT uid, local_uid AS localUid FROM gateway_letter WHERE folder = ? AND local_uid IS NOT NULL",
      )
      .all(folder);
  }

  /** Letters that came before this time and are here, oldest first. */
  fetchedBefore(folder: number, time: number, limit: number): LedgerLetter[] {
    return this.#sqlite
      .prepare<[number, number, number], LetterRow>(
        `SELECT * FROM gateway_letter WHERE folder = ? AND fetched_at <= ? AND local_uid IS NOT NULL
         ORDER BY fetched_at LIMIT ?`,
      )
      .all(folder, time, limit)
      .map(letterOf);
  }

  add(folder: number, letter: LedgerLetter): void {
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO gateway_letter VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        folder,
        letter.uid,
        letter.localUid ?? null,
        letter.hash,
        letter.storedHash,
        letter.messageId ?? null,
        letter.size,
        letter.flags,
        letter.fetchedAt,
      );
  }

  setFlags(folder: number, uid: number, flags: string): void {
    this.#sqlite.prepare("UPDATE gateway_letter SET flags = ? WHERE folder = ? AND uid = ?").run(flags, folder, uid);
  }

  /** It is at the provider, and not here any more. */
  unbind(folder: number, uid: number): void {
    this.#sqlite.prepare("UPDATE gateway_letter SET local_uid = NULL WHERE folder = ? AND uid = ?").run(folder, uid);
  }

  forget(folder: number, uid: number): void {
    this.#sqlite.prepare("DELETE FROM gateway_letter WHERE folder = ? AND uid = ?").run(folder, uid);
  }

  /** The provider does not have it under this UID any more; a letter that is here waits to be found again. */
  orphan(folder: LedgerFolder, uid: number, kind: Orphan["kind"], here?: { mailbox: string; localUid: number }): void {
    const letter = this.letter(folder.id, uid);
    if (letter === undefined) return;
    this.forget(folder.id, uid);
    const localUid = here?.localUid ?? letter.localUid;
    if (localUid === undefined) return;
    const { hash, storedHash, messageId, size, flags } = letter;
    this.#sqlite
      .prepare(
        `INSERT INTO gateway_orphan (account, kind, folder, mailbox, local_uid, hash, stored_hash, message_id, size, flags)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        this.#account,
        kind,
        folder.id,
        here?.mailbox ?? folder.mailbox,
        localUid,
        hash,
        storedHash,
        messageId ?? null,
        size,
        flags,
      );
  }

  /** Those about which is decided once all folders have been looked through. */
  orphans(): Orphan[] {
    return this.#sqlite
      .prepare<[number], OrphanRow>("SELECT * FROM gateway_orphan WHERE account = ? AND kind <> 'stray' ORDER BY id")
      .all(this.#account)
      .map(orphanOf);
  }

  orphanOf(hash: Uint8Array): Orphan[] {
    return this.#sqlite
      .prepare<[number, Uint8Array], OrphanRow>("SELECT * FROM gateway_orphan WHERE account = ? AND hash = ?")
      .all(this.#account, hash)
      .map(orphanOf);
  }

  /** Orphans of the folder that are about to be removed here. */
  vanishedFrom(folder: number): number[] {
    return this.#sqlite
      .prepare<[number, number], number>(
        "SELECT id FROM gateway_orphan WHERE account = ? AND folder = ? AND kind = 'vanished'",
      )
      .pluck()
      .all(this.#account, folder);
  }

  hasOrphans(): boolean {
    return (
      this.#sqlite
        .prepare("SELECT 1 FROM gateway_orphan WHERE account = ? AND kind <> 'stray' LIMIT 1")
        .get(this.#account) !== undefined
    );
  }

  settle(orphan: number): void {
    this.#sqlite.prepare("DELETE FROM gateway_orphan WHERE id = ?").run(orphan);
  }
}

interface OrphanRow extends Omit<LetterRow, "uid" | "local_uid" | "fetched_at"> {
  id: number;
  kind: Orphan["kind"];
  folder: number;
  mailbox: string;
  local_uid: number;
}

function orphanOf(row: OrphanRow): Orphan {
  const {
    id,
    kind,
    folder,
    mailbox,
    local_uid: localUid,
    hash,
    stored_hash: storedHash,
    message_id,
    size,
    flags,
  } = row;
  return { id, kind, folder, mailbox, localUid, hash, storedHash, messageId: message_id ?? undefined, size, flags };
}

function letterOf(row: LetterRow): LedgerLetter {
  return {
    uid: row.uid,
    localUid: row.local_uid ?? undefined,
    hash: row.hash,
    storedHash: row.stored_hash,
    messageId: row.message_id ?? undefined,
    size: row.size,
    flags: row.flags,
    fetchedAt: row.fetched_at,
  };
}

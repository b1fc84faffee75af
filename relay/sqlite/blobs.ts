import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Database, Schema } from "../../foundation/database.ts";
import { syncDirectory } from "../../foundation/durable-file.ts";
import { errorCode } from "../../foundation/failure.ts";
import { writePieces } from "../../foundation/write-pieces.ts";
import type { BlobOpened, BlobRecord, BlobStore } from "../blob-store.ts";
import type { StoreLimits } from "../store.ts";
import type { TokenHash } from "../token-store.ts";
import type { BlobReader } from "../wire/blob.ts";
import type { SqliteParts } from "./queues.ts";
import type { SqliteTokenStore } from "./tokens.ts";
import type { Count, Usage } from "./usage.ts";

/** Ids of rows are never given twice: they name the files, and a file may outlive its row by a crash. */
export const BLOB_SCHEMA: Schema = {
  part: "relay-blobs",
  migrations: [
    `CREATE TABLE blob (
       id INTEGER PRIMARY KEY AUTOINCREMENT,
       blob_id BLOB NOT NULL UNIQUE,
       owner_key BLOB NOT NULL,
       octets INTEGER NOT NULL,
       stored INTEGER NOT NULL DEFAULT 0,
       made_at INTEGER NOT NULL,
       token INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX blob_by_age ON blob (made_at);
     CREATE INDEX blob_by_token ON blob (token);
     CREATE TABLE blob_reader (
       read_id BLOB PRIMARY KEY,
       read_key BLOB NOT NULL,
       blob INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX blob_reader_by_blob ON blob_reader (blob);`,
  ],
};

/** Readers of one blob: a letter has fewer recipients, and each costs a row. */
const READERS_MAX = 4_096;

interface BlobRow {
  readonly id: number;
  readonly owner_key: Buffer;
  readonly octets: number;
  readonly stored: number;
  readonly token: number;
}

/** Blobs: a row in the relay's SQLite file and a file of its own each, in a folder beside it. */
export class SqliteBlobStore implements BlobStore {
  readonly #db: Database;
  readonly #usage: Usage;
  readonly #tokens: SqliteTokenStore;
  readonly #limits: StoreLimits;
  readonly #directory: string;
  readonly #sql: ReturnType<typeof prepare>;

  /** The database holds BLOB_SCHEMA's tables; the folder is made when it is needed. */
  constructor({ db, usage, tokens, limits }: SqliteParts, directory: string) {
    this.#db = db;
    this.#usage = usage;
    this.#tokens = tokens;
    this.#limits = limits;
    this.#directory = directory;
    this.#sql = prepare(db);
  }

  create(blob: BlobRecord, token: TokenHash, now: number): Promise<BlobOpened> {
    return this.#usage.commit((count): BlobOpened => {
      const grant = this.#tokens.row(token);
      if (grant === undefined) return { kind: "forbidden" };
      const row = this.#sql.byId.get(blob.blobId);
      if (row !== undefined) {
        const same = row.owner_key.equals(blob.ownerKey) && row.octets === blob.octets;
        return same ? { kind: "open", stored: row.stored } : { kind: "in-use" };
      }
      const [own, total] = [this.#usage.of(grant.id), this.#usage.total];
      const { octets } = blob;
      if (total.blobs >= this.#limits.blobs || total.octets + octets > this.#limits.octets) return { kind: "full" };
      if (grant.octets !== null && own.octets + octets > grant.octets) return { kind: "full" };
      this.#sql.create.run(blob.blobId, blob.ownerKey, octets, now, grant.id);
      count(grant.id, { blobs: 1, octets });
      return { kind: "open", stored: 0 };
    });
  }

  async ownerKey(blobId: Uint8Array): Promise<Buffer | undefined> {
    return this.#sql.byId.get(blobId)?.owner_key;
  }

  grant(blobId: Uint8Array, readers: readonly BlobReader[]): Promise<"granted" | "no-blob" | "in-use" | "full"> {
    return this.#db.commit(() => {
      const row = this.#sql.byId.get(blobId);
      if (row === undefined) return "no-blob";
      const fresh: BlobReader[] = [];
      for (const reader of readers) {
        const known = this.#sql.reader.get(reader.readId);
        if (known === undefined) fresh.push(reader);
        else if (known.blob !== row.id || !known.read_key.equals(reader.readKey)) return "in-use";
      }
      if ((this.#sql.readers.get(row.id) ?? 0) + fresh.length > READERS_MAX) return "full";
      for (const { readId, readKey } of fresh) this.#sql.grant.run(readId, readKey, row.id);
      return "granted";
    });
  }

  async write(blobId: Uint8Array, offset: number, pieces: readonly Uint8Array[]): Promise<boolean> {
    const row = this.#sql.byId.get(blobId);
    const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
    if (row === undefined || offset + length > row.octets) return false;
    const file = await this.#openFile(row.id);
    try {
      await writePieces(file, pieces, offset);
    } finally {
      await file.close();
    }
    return true;
  }

  async sync(blobId: Uint8Array, upTo: number): Promise<number | undefined> {
    const row = this.#sql.byId.get(blobId);
    if (row === undefined || upTo <= row.stored) return row?.stored;
    const file = await open(this.#path(row.id), "r+");
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
    if (row.stored === 0) await syncDirectory(this.#directory);
    return this.#db.commit(() => this.#sql.advance.get(upTo, row.id));
  }

  async readKey(readId: Uint8Array): Promise<Buffer | undefined> {
    return this.#sql.reader.get(readId)?.read_key;
  }

  async read(
    readId: Uint8Array,
    offset: number,
    length: number,
  ): Promise<Buffer | "no-blob" | "invalid" | "incomplete"> {
    const row = this.#sql.readable.get(readId);
    if (row === undefined) return "no-blob";
    if (offset + length > row.octets) return "invalid";
    if (offset + length > row.stored) return "incomplete";
    let file: FileHandle;
    try {
      file = await open(this.#path(row.id), "r");
    } catch (error) {
      if (errorCode(error) === "ENOENT") return "no-blob";
      throw error;
    }
    try {
      const bytes = Buffer.allocUnsafeSlow(length);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(bytes, at, length - at, offset + at);
        if (bytesRead === 0) return "no-blob";
        at += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  }

  async finish(readId: Uint8Array): Promise<boolean> {
    return await this.#removing((count) => {
      const reader = this.#sql.finish.get(readId);
      if (reader === undefined) return undefined;
      if ((this.#sql.readers.get(reader.blob) ?? 0) > 0) return [];
      const row = this.#sql.byRow.get(reader.blob);
      return row === undefined ? [] : [this.#remove(row, count)];
    });
  }

  async remove(blobId: Uint8Array): Promise<boolean> {
    return await this.#removing((count) => {
      const row = this.#sql.byId.get(blobId);
      return row === undefined ? undefined : [this.#remove(row, count)];
    });
  }

  async expire(before: number): Promise<number> {
    let expired = 0;
    for (let found = true; found; expired += found ? 1 : 0)
      found = await this.#removing((count) => {
        const row = this.#sql.oldest.get(before) ?? this.#sql.emptied.get();
        return row === undefined ? undefined : [this.#remove(row, count)];
      });
    await this.#removeStrays();
    return expired;
  }

  counts(): { readonly blobs: number } {
    return { blobs: this.#usage.total.blobs };
  }

  #path(id: number): string {
    return join(this.#directory, String(id));
  }

  async #openFile(id: number): Promise<FileHandle> {
    try {
      return await open(this.#path(id), "r+");
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    return await open(this.#path(id), "wx+", 0o600).catch((error: unknown) => {
      if (errorCode(error) !== "EEXIST") throw error;
      return open(this.#path(id), "r+");
    });
  }

  /** Rows in one transaction, then their files; work returns the rows that it removed. */
  async #removing(work: (count: Count) => number[] | undefined): Promise<boolean> {
    const ids = await this.#usage.commit(work);
    for (const id of ids ?? []) await rm(this.#path(id), { force: true });
    return ids !== undefined;
  }

  #remove({ id, token, octets }: BlobRow, count: Count): number {
    this.#sql.removeReaders.run(id);
    this.#sql.remove.run(id);
    count(token, { blobs: -1, octets: -octets });
    return id;
  }

  /** Files whose row is gone: a crash came between the two. */
  async #removeStrays(): Promise<void> {
    const names = await readdir(this.#directory).catch(() => []);
    for (const name of names)
      if (this.#sql.byRow.get(Number(name)) === undefined) await rm(join(this.#directory, name), { force: true });
  }
}

function prepare({ sqlite }: Database) {
  return {
    byId: sqlite.prepare<[Uint8Array], BlobRow>("SELECT * FROM blob WHERE blob_id = ?"),
    byRow: sqlite.prepare<[number], BlobRow>("SELECT * FROM blob WHERE id = ?"),
    create: sqlite.prepare<[Uint8Array, Uint8Array, number, number, number]>(
      "INSERT INTO blob (blob_id, owner_key, octets, made_at, token) VALUES (?, ?, ?, ?, ?)",
    ),
    advance: sqlite
      .prepare<[number, number], number>("UPDATE blob SET stored = max(stored, ?) WHERE id = ? RETURNING stored")
      .pluck(),
    remove: sqlite.prepare<[number]>("DELETE FROM blob WHERE id = ?"),
    oldest: sqlite.prepare<[number], BlobRow>("SELECT * FROM blob WHERE made_at < ? LIMIT 1"),
    emptied: sqlite.prepare<[], BlobRow>(
      "SELECT * FROM blob WHERE token IN (SELECT id FROM token WHERE emptied = 1) LIMIT 1",
    ),
    reader: sqlite.prepare<[Uint8Array], { read_key: Buffer; blob: number }>(
      "SELECT read_key, blob FROM blob_reader WHERE read_id = ?",
    ),
    readable: sqlite.prepare<[Uint8Array], BlobRow>(
      "SELECT blob.* FROM blob JOIN blob_reader ON blob.id = blob_reader.blob WHERE read_id = ?",
    ),
    readers: sqlite.prepare<[number], number>("SELECT count(*) FROM blob_reader WHERE blob = ?").pluck(),
    grant: sqlite.prepare<[Uint8Array, Uint8Array, number]>(
      "INSERT INTO blob_reader (read_id, read_key, blob) VALUES (?, ?, ?)",
    ),
    finish: sqlite.prepare<[Uint8Array], { blob: number }>("DELETE FROM blob_reader WHERE read_id = ? RETURNING blob"),
    removeReaders: sqlite.prepare<[number]>("DELETE FROM blob_reader WHERE blob = ?"),
  };
}

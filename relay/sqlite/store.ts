import { dirname, join } from "node:path";
import { Database } from "../../foundation/database.ts";
import type { RelayStore, StoreLimits } from "../store.ts";
import { BLOB_SCHEMA, SqliteBlobStore } from "./blobs.ts";
import { SqliteQueueStore } from "./queues.ts";
import { PAGE_SIZE, RELAY_SCHEMA } from "./schema.ts";
import { SqliteSlotStore } from "./slots.ts";
import { SqliteTokenStore } from "./tokens.ts";
import { Usage } from "./usage.ts";

/**
 * Opens or makes the relay's database in its directory: for one machine, and for one relay process at a time; a second
 * process may read, and change tokens.
 */
export function openSqliteStore(directory: string, limits: StoreLimits): RelayStore {
  const db = new Database(join(directory, "relay.db"), undefined, { pageSize: PAGE_SIZE, syncAtCommit: true });
  try {
    return sqliteStore(db, limits);
  } catch (error) {
    db.close();
    throw error;
  }
}

/** The same on a database that is open, which `close` closes; blobs lie in files beside it. */
export function sqliteStore(db: Database, limits: StoreLimits): RelayStore {
  db.migrate(RELAY_SCHEMA);
  db.migrate(BLOB_SCHEMA);
  const usage = new Usage(db);
  const tokens = new SqliteTokenStore(db, usage);
  const queues = new SqliteQueueStore({ db, usage, tokens, limits });
  const slots = new SqliteSlotStore({ db, usage, tokens, limits });
  const blobs = new SqliteBlobStore({ db, usage, tokens, limits }, join(dirname(db.sqlite.name), "blobs"));
  const readTime = db.sqlite.prepare<[], number>("SELECT time FROM lived_time").pluck();
  const saveTime = db.sqlite.prepare<[number]>("INSERT OR REPLACE INTO lived_time VALUES (1, ?)");
  return {
    queues,
    slots,
    blobs,
    tokens,
    octets: () => usage.total.octets,
    livedTime: async () => readTime.get(),
    saveLivedTime: (time) => db.commit(() => void saveTime.run(time)),
    close: () => db.close(),
  };
}

import { join } from "node:path";
import SQLite from "better-sqlite3-multiple-ciphers";
import { Failure } from "../foundation/failure.ts";

/**
 * Makes this process the only one that works in the directory until the result is called. The lock is SQLite's on
 * `lock.db`, thus the kernel's: it ends with the process, however that ends, and no stale file is left to be removed.
 *
 * @throws Failure("busy")
 */
export function lockDirectory(directory: string): () => void {
  const database = new SQLite(join(directory, "lock.db"), { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (!(error instanceof SQLite.SqliteError && error.code.startsWith("SQLITE_BUSY"))) throw error;
    throw new Failure(
      "busy",
      `another relay is running in ${directory}: stop it first, or give this one its own directory`,
    );
  }
  return () => void database.close();
}

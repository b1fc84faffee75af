import SQLite from "better-sqlite3-multiple-ciphers";
import { createPrivately } from "./database.ts";
import { errorCode, Failure } from "./failure.ts";

/**
 * Makes this process the only one that holds the file until the result is called. The lock is SQLite's, thus the
 * kernel's: it ends with the process, however that ends, and no stale file is left to be removed.
 * @throws Failure busy, with the given text
 */
export function lockForProcess(path: string, busy: string): () => void {
  createPrivately(path);
  const database = new SQLite(path, { timeout: 0 });
  try {
    database.pragma("journal_mode = MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    if (errorCode(error).startsWith("SQLITE_BUSY")) throw new Failure("busy", busy);
    throw error;
  }
  return () => void database.close();
}

import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { MAX_ANNOTATIONS } from "./limits.ts";

/** Whose annotations are the server's: no mailbox has this row. */
export const SERVER_ROW = 0;

/** A change of annotations, after its commit. */
export interface AnnotationChange<M> {
  /** Undefined for the server's. */
  readonly mailbox: M | undefined;
  /** Names of those that have another value than before, or none now. */
  readonly entries: readonly string[];
  /** What whoever changed them handed in. */
  readonly origin?: object;
}

/** The table of annotations (RFC 5464), by a mailbox's row and the entry's name. Whatever writes runs inside the caller's transaction. */
export class AnnotationIndex {
  readonly #all: Statement<[number], { entry: string; value: Buffer }>;
  readonly #set: Statement<[number, string, Uint8Array], unknown>;
  readonly #remove: Statement<[number, string], unknown>;
  readonly #forget: Statement<[number], unknown>;
  readonly #copy: Statement<[number, number], unknown>;

  constructor({ sqlite }: Database) {
    this.#all = sqlite.prepare("SELECT entry, value FROM maildir_annotation WHERE mailbox = ? ORDER BY entry");
    this.#set = sqlite.prepare("INSERT OR REPLACE INTO maildir_annotation VALUES (?, ?, ?)");
    this.#remove = sqlite.prepare("DELETE FROM maildir_annotation WHERE mailbox = ? AND entry = ?");
    this.#forget = sqlite.prepare("DELETE FROM maildir_annotation WHERE mailbox = ?");
    this.#copy = sqlite.prepare(
      "INSERT INTO maildir_annotation SELECT ?, entry, value FROM maildir_annotation WHERE mailbox = ?",
    );
  }

  /** By name; values have one octet per character. */
  all(mailbox: number): Map<string, string> {
    return new Map(this.#all.all(mailbox).map(({ entry, value }) => [entry, value.toString("latin1")]));
  }

  /** Names of those that changed; undefined, and nothing is done, if there would be too many. */
  set(mailbox: number, values: ReadonlyMap<string, string | undefined>): readonly string[] | undefined {
    const before = this.all(mailbox);
    const after = new Map(before);
    for (const [entry, value] of values)
      if (value === undefined) after.delete(entry);
      else after.set(entry, value);
    if (after.size > MAX_ANNOTATIONS && after.size > before.size) return undefined;
    const changed = [...values].filter(([entry, value]) => before.get(entry) !== value);
    for (const [entry, value] of changed)
      if (value === undefined) this.#remove.run(mailbox, entry);
      else this.#set.run(mailbox, entry, Buffer.from(value, "latin1"));
    return changed.map(([entry]) => entry);
  }

  forget(mailbox: number): void {
    this.#forget.run(mailbox);
  }

  copy(from: number, to: number): void {
    this.#copy.run(to, from);
  }
}

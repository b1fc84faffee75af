import type { Database } from "../../foundation/database.ts";

/** Tables that are made anew from the files, and what SQLite keeps for itself. */
const REBUILT = /^(maildir|sqlite)_/;

/** Names letters by UIDs that are given anew; without it a program's own copy of a sent letter is kept beside ours. */
const FORGOTTEN = new Set(["sent_copy"]);

interface Table {
  readonly name: string;
  readonly sql: string;
}

/**
 * Copies all but the mail's index into an empty database: identity, contacts, sessions, outbox. All or nothing.
 * @throws what SQLite says of a page that is damaged; the target is as before
 */
export function salvageState(from: Database, to: Database): void {
  const tables = from.sqlite
    .prepare<[], Table>("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL")
    .all()
    .filter(({ name }) => !REBUILT.test(name));
  const indexes = from.sqlite
    .prepare<[], { tbl_name: string; sql: string }>(
      "SELECT tbl_name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL",
    )
    .all()
    .filter(({ tbl_name }) => !REBUILT.test(tbl_name));
  to.sqlite.pragma("foreign_keys = OFF");
  to.transaction(() => {
    to.sqlite.exec("DROP TABLE part_version");
    for (const { name, sql } of tables) {
      to.sqlite.exec(sql);
      if (!FORGOTTEN.has(name)) copyRows(from, to, name);
    }
    for (const { sql } of indexes) to.sqlite.exec(sql);
    to.sqlite.prepare("DELETE FROM part_version WHERE part LIKE 'maildir%'").run();
    const counters = from.sqlite.prepare<[], { name: string; seq: number }>("SELECT name, seq FROM sqlite_sequence");
    to.sqlite.prepare("DELETE FROM sqlite_sequence").run();
    for (const { name, seq } of counters.all())
      if (!REBUILT.test(name))
        to.sqlite.prepare("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)").run(name, seq);
  });
  to.sqlite.pragma("foreign_keys = ON");
}

function copyRows(from: Database, to: Database, table: string): void {
  const rows = from.sqlite.prepare(`SELECT * FROM "${table}"`).safeIntegers(true).raw().all() as unknown[][];
  const places = rows[0]?.map(() => "?").join(", ");
  for (const row of rows) to.sqlite.prepare(`INSERT INTO "${table}" VALUES (${places})`).run(...row);
}

/** The last UIDVALIDITY that was given; 0 where that cannot be read. */
export function lastUidValidity(db: Database): number {
  try {
    return Number(db.sqlite.prepare("SELECT last_uid_validity FROM maildir_state").pluck().get() ?? 0);
  } catch {
    return 0;
  }
}

import SQLite from "better-sqlite3-multiple-ciphers";

/** Every row of every table, as whoever has the file can read it; bytes as hexadecimal text. */
export function databaseDump(path: string): Readonly<Record<string, readonly unknown[]>> {
  const db = new SQLite(path, { readonly: true });
  try {
    const tables = db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all() as string[];
    const entries = tables.map((table) => {
      const rows = db.prepare(`SELECT * FROM "${table}"`).all() as Record<string, unknown>[];
      return [table, rows.map(readable)] as const;
    });
    return Object.fromEntries(entries);
  } finally {
    db.close();
  }
}

function readable(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, Buffer.isBuffer(value) ? value.toString("hex") : value]),
  );
}

import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import type { Database } from "../../foundation/database.ts";
import { MAILDIR_SCHEMA } from "../../maildir/schema.ts";
import type { Maildir } from "../../maildir/store.ts";
import { append, box, inHome, mail, read, type TestHome } from "./home.ts";

type Row = Readonly<Record<string, unknown>>;

/** What the old tables have room for; the counters come last, since triggers count what is inserted. */
function copyRows(from: ReadonlyMap<string, readonly Row[]>, to: Database): void {
  const last = "maildir_state";
  const names = tables(to).filter((name) => name.startsWith("maildir_") && name !== last);
  to.transaction(() => {
    for (const table of [...names, last]) {
      const columns = to.sqlite.prepare<[string], string>("SELECT name FROM pragma_table_info(?)").pluck().all(table);
      to.sqlite.prepare(`DELETE FROM ${table}`).run();
      const insert = `INSERT INTO ${table} (${columns.join()}) VALUES (${columns.map(() => "?").join()})`;
      for (const row of from.get(table) ?? []) to.sqlite.prepare(insert).run(...columns.map((name) => row[name]));
    }
  });
}

function tables({ sqlite }: Database): string[] {
  return sqlite.prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table'").pluck().all();
}

/** Makes the home's index one of an earlier version of the program, with the same mail. */
function makeOld(home: TestHome, version: number): void {
  const names = tables(home.db).filter((name) => name.startsWith("maildir_") && !name.startsWith("maildir_text_"));
  const rows = new Map(names.map((name) => [name, home.db.sqlite.prepare<[], Row>(`SELECT * FROM ${name}`).all()]));
  home.db.close();
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(home.path, `state.db${suffix}`), { force: true });
  const old = home.openDatabase();
  old.migrate({ ...MAILDIR_SCHEMA, migrations: MAILDIR_SCHEMA.migrations.slice(0, version) });
  copyRows(rows, old);
  if (version > 1) old.sqlite.prepare("INSERT OR IGNORE INTO maildir_text_progress VALUES (1, 0, 0)").run();
  old.close();
}

async function known(maildir: Maildir) {
  const all = [];
  for (const mailbox of maildir.mailboxes()) {
    const { name, id, uidValidity } = mailbox;
    const uids = mailbox.uids();
    const contents = [];
    for (const uid of uids) contents.push((await read(mailbox, uid)).toString());
    const listed = [[...mailbox.summaries(uids)], mailbox.envelopes(uids), mailbox.headers(uids)];
    const sorted = [mailbox.sortFields(uids), mailbox.sortAddresses(uids), mailbox.threadFields(uids)];
    const found = await mailbox.searchText("body", "needle", uids);
    all.push({ name, id, uidValidity, status: mailbox.status(), listed, sorted, contents, found });
  }
  return all;
}

const versions = MAILDIR_SCHEMA.migrations.map((_, index) => index + 1);

test.each(versions)(
  "a home whose index is of version %i opens with all its mail, numbers and answers",
  async (version) =>
    await inHome(async (home) => {
      const before = await home.open();
      const inbox = box(before, "INBOX");
      for (const body of ["a needle\r\n", "nothing\r\n", "one more needle\r\n"]) await append(inbox, mail(body, body));
      await inbox.changeFlags([2], "add", ["\\Seen", "keyword"]);
      await inbox.expunge([1]);
      await inbox.copy([3], box(before, "Archive"));
      await before.close();
      const expected = await known(before);
      makeOld(home, version);

      const after = await home.open();
      expect(await known(after)).toEqual(expected);
      expect(box(after, "INBOX").expungedSince(0)).toEqual([1]);
      await append(box(after, "INBOX"), mail("new"));
      expect(box(after, "INBOX").uids()).toEqual([2, 3, 4]);
      await after.close();
    })(),
);

test(
  "an index of a newer version is refused, and nothing is changed",
  inHome(async (home) => {
    await (await home.open()).close();
    const version = () =>
      home.db.sqlite.prepare("SELECT version FROM part_version WHERE part = 'maildir'").pluck().get();
    home.db.sqlite.prepare("UPDATE part_version SET version = 99 WHERE part = 'maildir'").run();
    await expect(home.open()).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringMatching(/version 99, newer than this program: install the newer one/),
    });
    expect(version()).toBe(99);
  }),
);

test(
  "a migration that fails half-way leaves the index as it was",
  inHome(async (home) => {
    const db = home.openDatabase();
    const part = "example";
    db.migrate({ part, migrations: ["CREATE TABLE first (a INTEGER) STRICT"] });
    const before = tables(db);
    const migrations = ["", "CREATE TABLE second (a INTEGER) STRICT", "no SQL"];
    expect(() => db.migrate({ part, migrations })).toThrow(/syntax error/);
    expect(tables(db)).toEqual(before);
    expect(db.sqlite.prepare("SELECT version FROM part_version WHERE part = ?").pluck().get(part)).toBe(1);
  }),
);

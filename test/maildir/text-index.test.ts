import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { SearchPlace } from "../../maildir/message.ts";
import type { MaildirMailbox } from "../../maildir/store.ts";
import { StoredMailbox } from "../../maildir/stored-mailbox.ts";
import { scanTexts } from "../../maildir/text-search.ts";
import { append, box, inHome, mail, pieces, type TestHome } from "./home.ts";

function indexedUpTo(home: TestHome): number {
  return Number(home.db.sqlite.prepare("SELECT content FROM maildir_text_progress").pluck().get());
}

function rowsInIndex(home: TestHome): number {
  const tables = home.db.sqlite
    .prepare<[], string>("SELECT name FROM sqlite_schema WHERE name GLOB 'maildir_body_index_[0-9]*_docsize'")
    .pluck()
    .all();
  return tables.reduce(
    (sum, table) => sum + Number(home.db.sqlite.prepare(`SELECT COUNT(*) FROM ${table}`).pluck().get()),
    0,
  );
}

function waitingToGo(home: TestHome): number {
  return Number(home.db.sqlite.prepare("SELECT COUNT(*) FROM maildir_text_garbage").pluck().get());
}

/** Messages of removed mailboxes, whose rows are taken out some while after. */
function ofRemovedMailboxes({ db }: TestHome): number {
  const orphans = "SELECT COUNT(*) FROM maildir_message WHERE mailbox NOT IN (SELECT id FROM maildir_mailbox)";
  return Number(db.sqlite.prepare(orphans).pluck().get());
}

/** Moves the clock until the indexer has done all there is. */
async function untilIndexed(home: TestHome): Promise<void> {
  const last = Number(home.db.sqlite.prepare("SELECT COALESCE(MAX(id), -1) FROM maildir_content").pluck().get());
  for (let turn = 0; turn < 20_000; turn++) {
    if (indexedUpTo(home) > last && ofRemovedMailboxes(home) === 0 && waitingToGo(home) === 0) return;
    home.clock.advance(50);
    await setImmediate();
  }
  throw new Error("the index never came to its end");
}

/** Moves the clock until a table that is complete has become one segment. */
async function untilOneSegment(home: TestHome, table: string): Promise<void> {
  const segments = home.db.sqlite.prepare<[], number>(`SELECT COUNT(DISTINCT segid) FROM ${table}_idx`).pluck();
  for (let turn = 0; turn < 20_000; turn++) {
    if (segments.get() === 1) return;
    home.clock.advance(50);
    await setImmediate();
  }
  throw new Error("the table was never merged");
}

/** What the index answers; it must be what looking at the texts does. */
async function searched(mailbox: MaildirMailbox, where: SearchPlace, needle: string): Promise<number[]> {
  if (!(mailbox instanceof StoredMailbox)) throw new Error("not of this store");
  const uids = mailbox.uids();
  const found = await mailbox.searchText(where, needle, uids);
  expect(found).toEqual(await scanTexts(mailbox, where, needle, uids, undefined));
  return [...found].sort((a, b) => a - b);
}

const UTF8 = "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n";

function utf8(text: string): string {
  return Buffer.from(text, "utf8").toString("latin1");
}

/** So many letters that the index is asked at all. */
async function fill(inbox: MaildirMailbox, count = 10): Promise<void> {
  const messages = Array.from({ length: count }, (_, index) => mail(`filler ${index}`, `nothing of note ${index}\r\n`));
  await inbox.append(messages.map((message) => ({ content: pieces(message), flags: [] })));
}

test(
  "letters are found before they are indexed, while they are, and after",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    await fill(inbox);
    await append(inbox, mail("Straßenfest", utf8("Die FREIHEIT der Straßen\r\n"), UTF8));
    expect(indexedUpTo(home)).toBe(0);
    expect(await searched(inbox, "body", "freiheit")).toEqual([11]);
    await untilIndexed(home);
    expect(await searched(inbox, "body", "freiheit")).toEqual([11]);
    await append(inbox, mail("again", "freiheit\r\n"));
    expect(await searched(inbox, "body", "FREIHEIT")).toEqual([11, 12]);
    await untilIndexed(home);
    expect(await searched(inbox, "body", "FREIHEIT")).toEqual([11, 12]);
    expect(await searched(inbox, "text", "bob@example.org")).toHaveLength(12);
    expect(await searched(inbox, { header: "From" }, "bob@example.org")).toEqual([]);
    expect(await searched(inbox, { header: "To" }, "bob@example.org")).toHaveLength(12);
  }),
);

test(
  "the index gives the answers that looking at every text gives",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    await fill(inbox);
    const word = fc.constantFrom(
      "Straße",
      "STRASSE",
      "ΟΔΟΣ",
      "οδός",
      "İstanbul",
      "o\u0308",
      "ö",
      "漢字かな",
      "漢",
      "😀😀x",
      "\u{1F1E9}",
      '"quoted" OR',
      "a*b",
      "NEAR(",
      "x".repeat(80),
      "\ufffd",
      "\uffff",
      "\0",
      "K",
      "ſ",
      "ab",
      "Å",
      "\u0345",
      "-",
    );
    const text = fc.array(fc.oneof(word, fc.string({ unit: "grapheme", maxLength: 6 })), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(text, text, fc.nat(40), fc.nat(12), async (subject, body, from, length) => {
        const words = body.join(" ");
        const encoded = Buffer.from(subject.join(" "), "utf8").toString("base64");
        await append(inbox, mail(`=?utf-8?B?${encoded}?=`, utf8(`${words}\r\n`), UTF8));
        await untilIndexed(home);
        const characters = Array.from(words);
        const needles = [characters.slice(from, from + length).join(""), subject[0] ?? "", body.at(-1) ?? "", words];
        for (const needle of needles) {
          for (const where of ["body", "text", { header: "subject" }] as const) await searched(inbox, where, needle);
        }
      }),
      { numRuns: 30 },
    );
  }),
  30_000,
);

test(
  "a text of many rows is found at their seams, needles longer than a seam too",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    await fill(inbox);
    const words = Array.from({ length: 9_000 }, (_, index) => `w${index * 7919}ü😀`).join(" ");
    await append(inbox, mail("long", utf8(words), `X-Long: ${"h ".repeat(9_000)}needle\r\n${UTF8}`));
    await untilIndexed(home);
    expect(rowsInIndex(home)).toBeGreaterThan(15);
    const text = words.toLowerCase();
    for (let start = 16_000; start < text.length; start += 19_999) {
      expect(await searched(inbox, "body", text.slice(start, start + 30).toWellFormed())).toBeDefined();
    }
    for (let start = 16_200; start < 16_400; start += 7) {
      if (text.slice(start, start + 60).isWellFormed())
        expect(await searched(inbox, "body", text.slice(start, start + 60))).toEqual([11]);
    }
    expect(await searched(inbox, "body", text.slice(16_100, 17_300))).toEqual([11]);
    expect(await searched(inbox, "body", `${text.slice(16_100, 16_300)}!`)).toEqual([]);
    expect(await searched(inbox, { header: "X-Long" }, "needle")).toEqual([11]);
  }),
);

test(
  "indexing goes on where a crash stopped it, in the middle of a letter too",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    await fill(inbox);
    await append(inbox, mail("long", "some words and more\r\n".repeat(10_000)));
    await append(inbox, mail("last", "the very last\r\n"));
    for (let turn = 0; turn < 20_000 && rowsInIndex(home) <= 12; turn++) {
      home.clock.advance(50);
      await setImmediate();
    }
    const before = rowsInIndex(home);
    expect(before).toBeGreaterThan(12);
    expect(indexedUpTo(home)).toBe(11);
    home.db.close();
    const reopened = box(await home.open(), "INBOX");
    expect(await searched(reopened, "body", "very last")).toEqual([12]);
    await untilIndexed(home);
    expect(rowsInIndex(home)).toBeGreaterThan(before);
    expect(await searched(reopened, "body", "more\r\nsome")).toEqual([11]);
    expect(await searched(reopened, "body", "and more")).toEqual([11]);
    expect(await searched(reopened, "body", "very last")).toEqual([12]);
  }),
);

test(
  "letters that come one after another are not indexed before they no longer do, but half a minute later at most",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    const halfSeconds = async (count: number): Promise<void> => {
      for (let one = 0; one < count; one++) {
        await append(inbox, mail("next", "of note\r\n"));
        for (let step = 0; step < 10; step++) {
          home.clock.advance(50);
          await setImmediate();
        }
      }
    };
    await halfSeconds(50);
    expect(rowsInIndex(home)).toBeLessThan(5);
    expect(await searched(inbox, "body", "of note")).toHaveLength(50);
    await halfSeconds(20);
    expect(rowsInIndex(home)).toBeGreaterThan(50);
    await untilIndexed(home);
    expect(rowsInIndex(home)).toBe(70);
  }),
);

test(
  "letters that go leave the index; copies and moved ones stay in it",
  inHome(async (home) => {
    const maildir = await home.open();
    const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
    await fill(inbox, 20);
    await fill(archive, 10);
    await untilIndexed(home);
    await inbox.copy([3], archive);
    await inbox.move([4], archive);
    await inbox.expunge([3, 5, 6]);
    await untilIndexed(home);
    expect(rowsInIndex(home)).toBe(28);
    expect(await searched(inbox, "body", "of note")).toHaveLength(16);
    expect(await searched(archive, "body", "of note")).toHaveLength(12);
    await maildir.remove("Archive");
    await untilIndexed(home);
    expect(rowsInIndex(home)).toBe(16);
  }),
);

test(
  "a letter whose file cannot be read is not found, and is once its file is back",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await fill(inbox);
    await maildir.close();
    const before = new Set(home.messageFiles());
    const reopened = await home.open();
    const again = box(reopened, "INBOX");
    await append(again, mail("lost", "a treasure\r\n"));
    home.clock.advance(199);
    const path = home.messageFiles().find((file) => !before.has(file)) ?? "";
    const octets = readFileSync(path);
    rmSync(path);
    await untilIndexed(home);
    expect(await searched(again, "body", "a treasure")).toEqual([]);
    writeFileSync(path, octets);
    expect(await searched(again, "body", "a treasure")).toEqual([11]);
    expect(await searched(again, "body", "of note")).toHaveLength(10);
  }),
);

test(
  "an index of several tables is asked as one",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    home.db.sqlite.prepare("INSERT INTO sqlite_sequence VALUES ('maildir_content', 1000)").run();
    for (let round = 0; round < 4; round++) {
      await fill(inbox, 10);
      await untilIndexed(home);
    }
    await append(inbox, mail("last", "nothing of note but a treasure\r\n"));
    await untilIndexed(home);
    const tables = home.db.sqlite.prepare("SELECT name FROM sqlite_schema WHERE sql LIKE 'CREATE VIRTUAL%'").all();
    expect(tables).toHaveLength(6);
    await untilOneSegment(home, "maildir_body_index_0");
    expect(await searched(inbox, "body", "of note")).toHaveLength(41);
    expect(await searched(inbox, "body", "a treasure")).toEqual([41]);
    await inbox.expunge(inbox.uids().slice(30));
    await untilIndexed(home);
    expect(rowsInIndex(home)).toBe(30);
    const reopened = box(await home.open(), "INBOX");
    expect(await searched(reopened, "body", "of note 2")).toEqual([3, 13, 23]);
  }),
);

test(
  "a word is found wherever it stands in other words too, and not where only its letters do",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await fill(inbox);
    const bodies = [
      "a lantern",
      "LANTERNS",
      "xlantern lantern",
      "lan tern lante ntern anter",
      "lantern-light",
      utf8("Lanternä"),
      "lantern".repeat(5),
      `${"x".repeat(16_380)} lantern ${"y".repeat(16_380)}lantern`,
    ];
    const messages = bodies.map((body) => mail("word", `${body}\r\n`).replace("\r\n\r\n", `\r\n${UTF8}\r\n`));
    await inbox.append(messages.map((message) => ({ content: pieces(message), flags: [] })));
    const found = [11, 12, 13, 15, 16, 17, 18];
    expect(await searched(inbox, "body", "lantern")).toEqual(found);
    await untilIndexed(home);
    for (const needle of ["lantern", "Lantern"]) expect(await searched(inbox, "body", needle)).toEqual(found);
    expect(await searched(inbox, "body", "lanterns")).toEqual([12]);
    expect(await searched(inbox, "body", "lantern lantern")).toEqual([13]);
    expect(await searched(inbox, "body", "xlantern lantern")).toEqual([13]);
    expect(await searched(inbox, "body", utf8("lantern\u00e4"))).toEqual([]);
    expect(await searched(inbox, "body", "lantern\u00e4")).toEqual([16]);
    await inbox.expunge([11, 13]);
    await untilIndexed(home);
    expect(await searched(inbox, "text", "lantern")).toEqual([12, 15, 16, 17, 18]);
    const rows = (kind: string) =>
      Number(home.db.sqlite.prepare(`SELECT COUNT(*) FROM maildir_${kind}_index_0_docsize`).pluck().get());
    expect(rows("word")).toBeLessThanOrEqual(rows("body"));
    home.db.sqlite.exec("DROP TABLE maildir_word_index_0");
    await maildir.close();
    const earlier = box(await home.open(), "INBOX");
    expect(await searched(earlier, "body", "lantern")).toEqual([12, 15, 16, 17, 18]);
  }),
);

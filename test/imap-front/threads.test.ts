import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Pace } from "../../imap-front/pace.ts";
import { SortColumns } from "../../imap-front/sort/sort-columns.ts";
import { parseSortKeys, type SortKey, sortOrder } from "../../imap-front/sort/sort-key.ts";
import { sortRows } from "../../imap-front/sort/sort-rows.ts";
import { sortTexts } from "../../imap-front/sort/sort-texts.ts";
import { TextNumbers } from "../../imap-front/sort/text-numbers.ts";
import { threadBySubject } from "../../imap-front/thread/ordered-subject.ts";
import { threadByReferences } from "../../imap-front/thread/references.ts";
import { Scanner } from "../../imap-front/wire/scanner.ts";
import { modelOfReferences, modelOfSubjects, type ThreadedMessage } from "./model/threads.ts";

const pace = new Pace(5);
const DEPTH = 10_000;

function columnsOf(messages: readonly ThreadedMessage[]): SortColumns {
  const columns = new SortColumns();
  for (const [row, { uid, date, subject, isReply, id, references }] of messages.entries()) {
    columns.add({ uid, internalDate: 0, size: 1 });
    columns.setFields(row, { sent: date, subject, isReplyOrForward: isReply });
    columns.setLinks(row, { id, references }, 100);
  }
  return columns;
}

function rowsOf(messages: readonly ThreadedMessage[]): number[] {
  return [...messages.keys()];
}

async function byReferences(messages: readonly ThreadedMessage[]): Promise<string> {
  const forest = await threadByReferences(columnsOf(messages), rowsOf(messages), DEPTH, pace);
  return [...forest.format((message) => messages[message]?.uid ?? 0)].join("");
}

async function bySubject(messages: readonly ThreadedMessage[]): Promise<string> {
  const forest = await threadBySubject(columnsOf(messages), rowsOf(messages), pace);
  return [...forest.format((message) => messages[message]?.uid ?? 0)].join("");
}

const id = fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h", "i", "j");
const mailbox = fc
  .array(
    fc.record({
      date: fc.nat(6),
      subject: fc.constantFrom("", "X", "Y"),
      isReply: fc.boolean(),
      id: fc.option(id, { nil: undefined }),
      references: fc.array(id, { maxLength: 5 }),
    }),
    { maxLength: 14 },
  )
  .map((list) => list.map((message, index): ThreadedMessage => ({ ...message, uid: 2 * index + 1 })));

const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);

test("threads are those of RFC 5256, and hold every message once, whatever messages say of each other", async () => {
  await fc.assert(
    fc.asyncProperty(mailbox, async (messages) => {
      const threads = await byReferences(messages);
      expect(threads).toBe(modelOfReferences(messages));
      expect(numbers(threads)).toEqual(messages.map(({ uid }) => uid));
      expect(await bySubject(messages)).toBe(modelOfSubjects(messages));
    }),
    { numRuns: 500 },
  );
});

test("a thread of 20,000 messages, each the answer to the one before, is one thread", async () => {
  const messages = Array.from({ length: 20_000 }, (_, i) => ({
    uid: i + 1,
    date: (i * 7919) % 13,
    subject: "X",
    isReply: i > 0,
    id: `m${i}`,
    references: i === 0 ? [] : [`m${i - 1}`],
  }));
  const chain = await byReferences(messages);
  expect(chain.startsWith("(1 2 3 4 ")).toBe(true);
  expect(chain.split(" ").length).toBe(20_000);
});

test("sorting texts in pieces gives what sorting them at once gives", async () => {
  const texts = Array.from({ length: 10_001 }, (_, index) => `${(index * 7919) % 10_007}`);
  expect(await sortTexts(texts, pace)).toEqual(texts.toSorted());
});

test("texts get the same order by their ranks as by themselves, also those that come later, and in between", async () => {
  const texts = new TextNumbers();
  const words = (count: number, step: number) => Array.from({ length: count }, (_, at) => `w${(at * step) % 7919}`);
  for (const some of [words(3_000, 31), words(5_000, 17), ["b", "a", "b"], []]) {
    const known = some.map((text) => texts.numberOf(text));
    const ranks = await texts.ranks(pace);
    const rank = (at: number) => ranks[known[at] ?? 0] ?? 0;
    const byRank = [...some.keys()].sort((a, b) => rank(a) - rank(b) || a - b);
    expect(byRank.map((at) => some[at])).toEqual(some.toSorted());
  }
  const first = texts.ranks(pace);
  texts.numberOf("c");
  const second = texts.ranks(pace);
  expect((await second).length).toBeGreaterThan((await first).length - 1);
  expect(await texts.ranks(pace)).toBe(await second);
});

const criteria = ["ARRIVAL", "SIZE", "DATE", "SUBJECT", "FROM", "TO", "CC", "DISPLAYFROM", "DISPLAYTO"];
const sortKeys = fc
  .uniqueArray(fc.record({ name: fc.constantFrom(...criteria), reverse: fc.boolean() }), {
    minLength: 1,
    maxLength: 4,
    selector: ({ name }) => name,
  })
  .map((keys) => keys.map(({ name, reverse }) => (reverse ? `REVERSE ${name}` : name)).join(" "));
const word = fc.constantFrom("", "A", "B", "AB", "\u{1f600}", "\uffee");
const sortable = fc.record({
  internalDate: fc.integer({ min: -2, max: 2 }),
  size: fc.nat(3),
  sent: fc.option(fc.constantFrom(-62e12, -1, 0, 1.7e12, 8e15), { nil: undefined }),
  texts: fc.tuple(word, word, word, word, word, word),
});

test("sorting by numbers gives what comparing two messages by all criteria gives", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(sortable, { maxLength: 30 }), sortKeys, async (messages, asked) => {
      const columns = new SortColumns();
      for (const [row, { internalDate, size, sent, texts }] of messages.entries()) {
        const [subject, from, to, cc, displayFrom, displayTo] = texts;
        columns.add({ uid: row + 5, internalDate, size });
        columns.setFields(row, { sent, subject, isReplyOrForward: false });
        columns.setAddresses(row, { from, to, cc, displayFrom, displayTo });
      }
      const keys: readonly SortKey[] = parseSortKeys(new Scanner(`(${asked})`));
      const rows = [...messages.keys()];
      expect(await sortRows(columns, rows, keys, pace)).toEqual(rows.toSorted(sortOrder(columns, keys)));
    }),
    { numRuns: 200 },
  );
});

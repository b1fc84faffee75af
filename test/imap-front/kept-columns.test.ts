import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Pace } from "../../imap-front/pace.ts";
import { decodeColumns, encodeColumns } from "../../imap-front/sort/kept-columns.ts";
import { NO_ID, NO_TEXT, SortColumns } from "../../imap-front/sort/sort-columns.ts";
import { parseSortKeys } from "../../imap-front/sort/sort-key.ts";
import { sortRows } from "../../imap-front/sort/sort-rows.ts";
import { SortableCache } from "../../imap-front/sort/sortable-cache.ts";
import { threadByReferences } from "../../imap-front/thread/references.ts";
import { Scanner } from "../../imap-front/wire/scanner.ts";
import { MemoryStore } from "./memory-store.ts";

const pace = new Pace(5);
const VALIDITY = 17;

const word = fc.constantFrom("", "A", "B", "AB", "\u{1f600}", "\uffee", "zeta", "\ud83d");
const id = fc.constantFrom("a", "b", "c", "d", "e");
const message = fc.record({
  uid: fc.integer({ min: 1, max: 40 }),
  date: fc.integer({ min: -9, max: 9 }),
  texts: fc.array(word, { minLength: 6, maxLength: 6 }),
  isReply: fc.boolean(),
  id: fc.option(id, { nil: undefined }),
  references: fc.array(id, { maxLength: 4 }),
  wanted: fc.constantFrom("fields", "addresses", "all"),
});
type Learnt = typeof message extends fc.Arbitrary<infer M> ? M : never;
const messages = fc.uniqueArray(message, { maxLength: 12, selector: ({ uid }) => uid });

function learn(columns: SortColumns, some: readonly Learnt[]): void {
  for (const { uid, date, texts, isReply, id: own, references, wanted } of some) {
    const [subject = "", from = "", to = "", cc = "", displayFrom = "", displayTo = ""] = texts;
    columns.add({ uid, internalDate: date, size: uid % 3 });
    const row = columns.rowOf(uid) as number;
    if (wanted !== "addresses") columns.setFields(row, { sent: date, subject, isReplyOrForward: isReply });
    if (wanted !== "fields") columns.setAddresses(row, { from, to, cc, displayFrom, displayTo });
    if (wanted === "all") columns.setLinks(row, { id: own, references }, 3);
  }
}

/** All that can be seen of the columns, by UID. */
async function seen(columns: SortColumns, uids: readonly number[]): Promise<unknown> {
  const rows = uids.map((uid) => columns.rowOf(uid) as number);
  const sorted = [];
  for (const keys of ["SUBJECT", "REVERSE FROM DATE", "TO CC", "DISPLAYFROM", "DISPLAYTO SIZE", "ARRIVAL"])
    sorted.push(
      (await sortRows(columns, rows, parseSortKeys(new Scanner(`(${keys})`)), pace)).map((row) => columns.uids[row]),
    );
  const forest = await threadByReferences(columns, rows, 100, pace);
  const known = rows.map((row) => (["fields", "addresses", "links"] as const).map((kind) => columns.knows(kind, row)));
  return { size: columns.size, sorted, known, threads: [...forest.format((at) => uids[at] ?? 0)].join("") };
}

test("columns that were kept are as they were, and take more messages as they would have", async () => {
  await fc.assert(
    fc.asyncProperty(messages, messages, async (before, later) => {
      const after = later.filter(({ uid }) => !before.some((known) => known.uid === uid));
      const uids = (some: readonly Learnt[]) => some.map(({ uid }) => uid).sort((a, b) => a - b);
      const columns = new SortColumns();
      learn(columns, before);
      const kept = decodeColumns(new Uint8Array(await encodeColumns(columns, VALIDITY, pace)), VALIDITY);
      if (kept === undefined) throw new Error("it was not kept");
      expect(await seen(kept, uids(before))).toEqual(await seen(columns, uids(before)));
      learn(columns, after);
      learn(kept, after);
      expect(await seen(kept, uids([...before, ...after]))).toEqual(await seen(columns, uids([...before, ...after])));
      const again = decodeColumns(new Uint8Array(await encodeColumns(kept, VALIDITY, pace)), VALIDITY);
      expect(await seen(again as SortColumns, uids(before))).toEqual(
        await seen(columns, uids(before)).then(ofSize(again)),
      );
    }),
    { numRuns: 60 },
  );
});

/** The second time the columns hold more messages than are looked at. */
const ofSize = (columns: SortColumns | undefined) => (all: unknown) => ({ ...(all as object), size: columns?.size });

test("what stands for no id and for no text stays what it is", async () => {
  const columns = new SortColumns();
  columns.add({ uid: 4, internalDate: 0, size: 0 });
  columns.setFields(0, { sent: undefined, subject: "", isReplyOrForward: false });
  columns.setLinks(0, { id: undefined, references: ["z"] }, 100);
  const kept = decodeColumns(new Uint8Array(await encodeColumns(columns, VALIDITY, pace)), VALIDITY);
  expect([kept?.subjects[0], kept?.ids[0], kept?.idCount]).toEqual([NO_TEXT, NO_ID, 2]);
});

test("octets that are cut off, of another mailbox or of another program are nothing", async () => {
  const columns = new SortColumns();
  columns.add({ uid: 4, internalDate: 0, size: 0 });
  const octets = new Uint8Array(await encodeColumns(columns, VALIDITY, pace));
  for (let length = 0; length < octets.length; length += 7)
    expect(decodeColumns(octets.slice(0, length), VALIDITY)).toBeUndefined();
  expect(decodeColumns(octets, VALIDITY + 1)).toBeUndefined();
  new DataView(octets.buffer).setUint8(6, 0);
  expect(decodeColumns(octets, VALIDITY)).toBeUndefined();
});

test("a mailbox is asked to keep what was learnt once it is much, and another cache begins with it", async () => {
  const mailbox = new MemoryStore().mailbox("INBOX");
  if (mailbox === undefined) throw new Error("no INBOX");
  const cache = new SortableCache(10_000);
  const learnSome = async (count: number) => {
    const columns = await cache.of(mailbox);
    for (let some = 0; some < count; some++) {
      const row = columns.size;
      columns.add({ uid: row + 1, internalDate: 0, size: 0 });
      columns.setFields(row, { sent: 0, subject: `s${row}`, isReplyOrForward: false });
    }
  };
  await learnSome(255);
  await cache.keep(mailbox, pace);
  expect(await mailbox.kept()).toBeUndefined();
  await learnSome(1);
  await cache.keep(mailbox, pace);
  const other = new SortableCache(10_000);
  const [one, two] = await Promise.all([other.of(mailbox), other.of(mailbox)]);
  expect(one.size).toBe(256);
  expect(two).toBe(one);
  const first = await mailbox.kept();
  await learnSome(255);
  await cache.keep(mailbox, pace);
  expect(await mailbox.kept()).toBe(first);
});

import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Pace } from "../../imap-front/pace.ts";
import { pacedSort } from "../../imap-front/sort/paced-sort.ts";
import type { Sortable } from "../../imap-front/sort/sort-key.ts";
import { TextRanks } from "../../imap-front/sort/text-ranks.ts";
import { threadBySubject } from "../../imap-front/thread/ordered-subject.ts";
import { threadByReferences } from "../../imap-front/thread/references.ts";
import { formatThreads } from "../../imap-front/thread/thread-node.ts";

const pace = new Pace(5);

function message(uid: number, subject: string, isReplyOrForward: boolean, id: number, references: number[]): Sortable {
  const fields = { sent: (uid * 7919) % 13, subject, isReplyOrForward };
  return { uid, internalDate: 0, size: 1, fields, addresses: undefined, links: { id, references } };
}

const id = fc.nat({ max: 7 });
const mailbox = fc
  .array(fc.tuple(fc.constantFrom("", "X", "Y"), fc.boolean(), id, fc.array(id, { maxLength: 5 })), { maxLength: 12 })
  .map((list) => list.map(([subject, reply, own, refs], index) => message(index + 1, subject, reply, own, refs)));

const numbers = (text: string) => (text.match(/\d+/g) ?? []).map(Number).sort((a, b) => a - b);

test("a thread tree holds every message once, whatever messages say of each other", async () => {
  await fc.assert(
    fc.asyncProperty(mailbox, async (messages) => {
      const uids = messages.map(({ uid }) => uid);
      const byReferences = formatThreads(await threadByReferences(messages, 10_000, pace), (uid) => uid);
      expect(numbers(byReferences)).toEqual(uids);
      expect(byReferences).not.toContain("()");
      expect(numbers(formatThreads(await threadBySubject(messages, pace), (uid) => uid))).toEqual(uids);
    }),
  );
});

test("a thread of 20,000 messages, each the answer to the one before, is one thread", async () => {
  const messages = Array.from({ length: 20_000 }, (_, i) => message(i + 1, "X", i > 0, i, i === 0 ? [] : [i - 1]));
  const chain = formatThreads(await threadByReferences(messages, 10_000, pace), (uid) => uid);
  expect(chain.startsWith("(1 2 3 4 ")).toBe(true);
  expect(chain.split(" ").length).toBe(20_000);
});

test("sorting in pieces gives what sorting at once gives, stable", async () => {
  const items = Array.from({ length: 10_001 }, (_, index) => ({ key: (index * 7919) % 101, index }));
  const order = (a: { key: number }, b: { key: number }) => a.key - b.key;
  expect(await pacedSort(items, order, pace)).toEqual(items.toSorted(order));
});

test("texts get the same order by their ranks as by themselves, also those that come later, and in between", async () => {
  const ranks = new TextRanks();
  const words = (count: number, step: number) => Array.from({ length: count }, (_, at) => `w${(at * step) % 7919}`);
  for (const texts of [words(3_000, 31), words(5_000, 17), ["b", "a", "b"], []]) {
    const numbers = await ranks.of(texts, pace);
    const byRank = [...texts.keys()].sort((a, b) => (numbers[a] ?? 0) - (numbers[b] ?? 0) || a - b);
    expect(byRank.map((at) => texts[at])).toEqual(texts.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
  }
  const [first, second] = await Promise.all([ranks.of(words(4_000, 11), pace), ranks.of(["zz", "aa", "zz"], pace)]);
  expect(first).not.toContain(undefined);
  expect(second).not.toContain(undefined);
});

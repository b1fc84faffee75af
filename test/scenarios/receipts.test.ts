import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { OverlayOptions } from "../../overlay-adapter/overlay.ts";
import { befriend, type Person } from "../overlay-adapter/person.ts";
import { DAY } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

const AT_ONCE = { send: true, longestDelay: 0 };

let place: Neighbourhood;

beforeAll(async () => {
  place = await Neighbourhood.open();
});
afterEach(() => place.leave());
afterAll(() => place.close());

async function friends(
  ofA: Partial<OverlayOptions> = {},
  ofB: Partial<OverlayOptions> = {},
): Promise<[Person, Person]> {
  const pair: [Person, Person] = [place.person(ofA), place.person(ofB)];
  await befriend(...pair, place.clock);
  return pair;
}

const delivered = (person: Person) =>
  person.events.flatMap((event) => (event.kind === "progress" && event.progress === "delivered" ? [event.letter] : []));
const unreceipted = (person: Person) =>
  person.db.sqlite.prepare("SELECT count(*) FROM overlay_sent WHERE receipt = 'awaited'").pluck().get() as number;
const keptMessages = (person: Person) =>
  person.db.sqlite.prepare("SELECT count(*) FROM overlay_delivery WHERE slots IS NOT NULL").pluck().get();

test("a letter is delivered when the recipient's device has acknowledged it, and its ratchet messages go", async () => {
  const [a, b] = await friends({}, { receipts: AT_ONCE });
  const id = await a.send(randomBytes(200_000), b);
  await b.untilLetters(1);
  await a.until(() => delivered(a).length > 0);
  expect(delivered(a)).toEqual([id]);
  expect(a.overlay.status().deliveries).toMatchObject([{ letter: id, state: "delivered" }]);
  await a.until(() => unreceipted(a) === 0 && keptMessages(a) === 0);
});

test("receipts are not answered: when two have exchanged a letter each, silence follows", async () => {
  const [a, b] = await friends({ receipts: AT_ONCE }, { receipts: AT_ONCE });
  await a.send("one", b);
  await b.send("two", a);
  await Promise.all([a, b].map((one) => one.until(() => delivered(one).length === 1 && unreceipted(one) === 0)));
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  const sent = () =>
    [a, b].map((one) => one.db.sqlite.prepare("SELECT sum(sent_seq) FROM overlay_chain").pluck().get());
  const before = sent();
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  expect(sent()).toEqual(before);
});

test("with receipts turned off the sender hears nothing for a day, and then only that nothing need be kept", async () => {
  const [a, b] = await friends({}, { receipts: { send: false } });
  await a.send("secretly read", b);
  await b.untilLetters(1);
  place.clock.pass(DAY - 10_000);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  expect(unreceipted(a)).toBeGreaterThan(0);
  place.clock.pass(7 * DAY);
  await a.until(() => unreceipted(a) === 0 && keptMessages(a) === 0);
  expect(delivered(a)).toEqual([]);
});

test("nobody but the contact who was sent a letter can acknowledge it", async () => {
  const [a, b] = await friends();
  const c = place.person();
  await befriend(a, c, place.clock);
  const id = await a.send("for b", b);
  await b.untilLetters(1);
  const hash = b.db.sqlite.prepare("SELECT header_hash FROM overlay_received WHERE letter = ?").pluck().get(id);
  // c knows the letter's id, and even the hash.
  c.db.sqlite
    .prepare("INSERT INTO overlay_received (label, letter, tag, at, header_hash) VALUES (?, ?, ?, ?, ?)")
    .run(a.label, id, id, Date.now(), hash);
  c.db.sqlite.prepare("INSERT OR REPLACE INTO overlay_receipts_due VALUES (?, 0)").run(a.label);
  await c.overlay.close();
  c.db.close();
  c.open();
  await c.until(() => c.db.sqlite.prepare("SELECT 1 FROM overlay_receipts_due WHERE due = 0").get() === undefined);
  await c.overlay.idle();
  const marker = await c.send("after the forgery", a);
  await a.until(() => a.letters().some((letter) => letter.id === marker.toString("hex")));
  expect(delivered(a)).toEqual([]);
  expect(
    a.db.sqlite.prepare("SELECT 1 FROM overlay_sent WHERE receipt = 'awaited' AND letter = ?").get(id),
  ).toBeDefined();
});

import { beforeEach, expect, test } from "@jest/globals";
import type { AddressLabel } from "../../../foundation/address.ts";
import { Database } from "../../../foundation/database.ts";
import { OFFERS_MAX, OFFERS_PER_ADDRESS, OFFERS_TOLD_A_DAY } from "../../../legacy-gateway/upgrade/limits.ts";
import type { Came, NewOffer } from "../../../legacy-gateway/upgrade/offers.ts";
import { openUpgradeStores, type UpgradeStores } from "../../../legacy-gateway/upgrade/upgrade-stores.ts";

const NOW = Date.UTC(2026, 10, 26);
const DAY = 24 * 3_600_000;
const BOB = "bob@friend.example";

let stores: UpgradeStores;

beforeEach(() => {
  stores = openUpgradeStores(new Database(":memory:"), { now: () => NOW, after: () => () => undefined });
});

const label = (name: string) => name as AddressLabel;

function offer(inviter: string, came: Came, changes: Partial<NewOffer> = {}): NewOffer {
  const link = `postern:${inviter}`;
  return { address: BOB, inviter: label(inviter), link, came, expiresAt: NOW + DAY, seenAt: NOW, ...changes };
}

test("the same invitation again is no news; a stronger one takes a weaker one's place, never the other way", () => {
  const { offers } = stores;
  expect(offers.add(offer("bob", "encrypted"))).toBe(true);
  for (const came of ["encrypted", "clear"] as const)
    expect(offers.isNews(offer("bob", came, { link: "postern:forged" }))).toBe(false);
  expect(offers.add(offer("bob", "signed", { link: "postern:better" }))).toBe(false);
  expect(offers.list()).toMatchObject([{ link: "postern:better", came: "signed", state: "open" }]);
});

test("one that has expired, or could not be accepted, makes room for the next; one that was refused stays refused", () => {
  const { offers } = stores;
  expect(offers.add(offer("bob", "clear", { expiresAt: NOW }))).toBe(false);
  offers.add(offer("bob", "clear"));
  const later = { seenAt: NOW + 2 * DAY, expiresAt: NOW + 3 * DAY, link: "postern:later" };
  expect(offers.add(offer("bob", "clear", later))).toBe(true);
  const [{ id } = { id: 0 }] = offers.list();
  offers.setState(id, "failed");
  expect(offers.add(offer("bob", "clear", { ...later, link: "postern:anew" }))).toBe(true);
  offers.setState(id, "refused");
  expect(offers.add(offer("bob", "signed", later))).toBe(false);
  expect(offers.list()).toMatchObject([{ state: "refused", link: "postern:anew" }]);
});

test("forgers fill neither an address nor the list: what only the sender's key could make finds room", () => {
  const { offers } = stores;
  for (let forger = 0; forger < 10; forger++) offers.add(offer(`forger${forger}`, "clear"));
  expect(offers.of(BOB)).toHaveLength(OFFERS_PER_ADDRESS);
  expect(offers.add(offer("bob", "signed"))).toBe(true);
  expect(offers.of(BOB).map(({ inviter }) => inviter)).toEqual(["forger1", "forger2", "bob"]);
  for (let sender = 0; sender < OFFERS_MAX + 50; sender++)
    offers.add(offer("forger", "clear", { address: `sender${sender}@spam.example` }));
  expect(offers.list()).toHaveLength(OFFERS_MAX);
  expect(offers.add(offer("carol", "signed", { address: "carol@friend.example" }))).toBe(true);
  expect(offers.list()).toHaveLength(OFFERS_MAX);
  // What could be forged least is told first, and only so many a day.
  for (let day = 0; day < 2; day++) {
    const told: string[] = [];
    const now = NOW + day * (DAY + 1);
    for (let next = offers.untold(now); next !== undefined; next = offers.untold(now)) {
      offers.setTold(next.id, now);
      told.push(next.address);
    }
    // After a day all have expired.
    expect(told).toHaveLength(day === 0 ? OFFERS_TOLD_A_DAY : 0);
    if (day === 0) expect(told.slice(0, 2)).toEqual([BOB, "carol@friend.example"]);
  }
});

test("an address leads to the first who has it; a second one is a rival, and goes with its contact", () => {
  const { aliases, invitations, consents } = stores;
  consents.set("encrypted", BOB);
  for (const [invite, encrypted] of [
    ["one", true],
    ["two", false],
  ] as const)
    invitations.add({ invite, address: BOB, encrypted, link: invite, madeAt: NOW, expiresAt: NOW + DAY });
  aliases.met(label("stranger"), "of somebody else");
  expect(aliases.list()).toEqual([]);
  aliases.met(label("bob"), "one");
  aliases.met(label("mallory"), "two");
  expect(aliases.moved("Bob@Friend.example")).toBe("bob");
  expect(aliases.list()).toMatchObject([
    { label: "bob", state: "moved", came: "encrypted" },
    { label: "mallory", state: "rival", came: "clear" },
  ]);
  aliases.parted(label("mallory"));
  expect([aliases.moved(BOB), consents.for(BOB)]).toEqual(["bob", "encrypted"]);
  aliases.parted(label("bob"));
  expect([aliases.list(), consents.for(BOB)]).toEqual([[], "off"]);
});

test("who accepts goes on by e-mail until the other bridge has answered", () => {
  const { aliases, offers } = stores;
  offers.add(offer("bob", "signed"));
  aliases.met(label("bob"), undefined);
  expect(aliases.list()).toEqual([]);
  offers.setState(1, "accepting");
  aliases.met(label("bob"), undefined);
  expect([aliases.moved(BOB), aliases.holder(BOB)?.state]).toEqual([undefined, "joining"]);
  aliases.confirmed(label("bob"));
  expect(aliases.moved(BOB)).toBe("bob");
  expect(aliases.takeBack(BOB)).toBe("bob");
  expect([aliases.takeBack(BOB), offers.list()[0]?.state]).toEqual([undefined, "refused"]);
});

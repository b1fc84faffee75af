import { expect, test } from "@jest/globals";
import type { Correspondent } from "./correspondent.ts";
import { correspondents } from "./correspondents.ts";

const ANN = "ann@old.example";
const BOB = "bob@friend.example";
/** More than there are: a story ends by itself. */
const STEPS = 60;
/** With THOROUGH=1 each step is one at which the power goes; else some are. */
const STRIDE = process.env["THOROUGH"] === "1" ? 1 : 5;

const { person, part } = correspondents();

/** Ann has invited Bob in an encrypted letter, which Bob has not fetched yet. */
async function invited(): Promise<{ ann: Correspondent; bob: Correspondent; letter: string }> {
  const [ann, bob] = [await person(ANN), await person(BOB)];
  await ann.exchangeKeys(bob);
  ann.upgrades.stores.consents.set("encrypted");
  await ann.submit([BOB], "before", "written before");
  const [letter = ""] = await ann.post();
  return { ann, bob, letter };
}

/** Whom a contact is, the old address leads to, and nobody else: at any time, whatever was cut off. */
function expectWhole(who: Correspondent, address: string): void {
  const contacts = who.contacts.list().map(({ label }) => label);
  expect(who.upgrades.stores.aliases.list().map(({ label }) => label)).toEqual(contacts);
  const moved = who.upgrades.stores.aliases.moved(address);
  if (moved !== undefined) expect(contacts).toEqual([moved]);
}

/** Bob accepts, and the power goes at a step of one of the two; true if that step was reached. */
async function story(dying: "ann" | "bob", step: number): Promise<boolean> {
  const { ann, bob, letter } = await invited();
  await bob.fetch([letter]);
  await bob.letter("carries an invitation");
  // It is queued for the old road, and stays there.
  await ann.submit([BOB], "queued", "queued before the switch");
  const victim = dying === "ann" ? ann : bob;
  victim.doom(step);
  let revived = false;
  const accept = () => void bob.upgrades.accept(ANN).catch(() => undefined);
  accept();
  const done = () =>
    [ann, bob].every(({ upgrades }) => upgrades.stores.aliases.list().some(({ state }) => state === "moved"));
  const told = async () =>
    (await Promise.all([ann, bob].map((who) => who.count("has moved")))).every((count) => count > 0);
  for (;;) {
    if (victim.dead) {
      await victim.open();
      revived = true;
      expectWhole(ann, BOB);
      expectWhole(bob, ANN);
      // The user sees that nothing is under way, and accepts again.
      if (bob.contacts.list().length === 0) accept();
    }
    try {
      if (done() && (await told())) break;
    } catch (error) {
      if (!victim.dead) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  victim.doom(Number.POSITIVE_INFINITY);
  expectWhole(ann, BOB);
  expectWhole(bob, ANN);
  const queued = await ann.post();
  expect(queued).toHaveLength(1);
  await bob.fetch(queued);
  await ann.submit([BOB], "after", "written after");
  await bob.letter("written after");
  await bob.submit([ANN], "answer", "answered after");
  await ann.letter("answered after");
  expect([await ann.post(), await bob.post()]).toEqual([[], []]);
  for (const words of [
    "written before",
    "queued before the switch",
    "written after",
    "carries an invitation",
    "has moved",
  ])
    expect([words, await bob.count(words)]).toEqual([words, 1]);
  for (const words of ["answered after", "has moved"]) expect([words, await ann.count(words)]).toEqual([words, 1]);
  return revived;
}

test.each(["ann", "bob"] as const)(
  "the power goes at steps of %s's acceptance: the old address leads where the contact is, and each letter comes once",
  async (dying) => {
    let step = 1;
    while (step < STEPS && (await story(dying, step))) {
      await part();
      step += STRIDE;
    }
    expect(step).toBeGreaterThan(4);
  },
  300_000,
);

test.each([1, 2])("an invitation that was cut off at step %s of its arrival is offered once", async (step) => {
  const { bob, letter } = await invited();
  bob.doom(step);
  void bob.fetch([letter]).catch(() => undefined);
  await bob.until(() => bob.dead);
  await bob.open();
  await bob.fetch([letter]);
  await bob.letter("carries an invitation");
  await bob.upgrades.stop();
  expect(await bob.count("carries an invitation")).toBe(1);
  expect(bob.upgrades.stores.offers.list()).toMatchObject([{ address: ANN, came: "signed" }]);
});

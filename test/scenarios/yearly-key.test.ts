import { expect, test } from "@jest/globals";
import { AdminKeyRenewal } from "../../bridge/admin-key-renewal.ts";
import { silentLogger } from "../../foundation/logger.ts";
import type { Person } from "../overlay-adapter/person.ts";
import { cast, verified } from "./cast.ts";
import { DAY, DaysClock } from "./days-clock.ts";

const { person } = cast();

function renewal(who: Person, clock: DaysClock): { readonly asked: string[]; readonly keeper: AdminKeyRenewal } {
  const asked: string[] = [];
  const { db, identity, overlay } = who;
  const keeper = new AdminKeyRenewal({
    db,
    identity,
    overlay,
    clock,
    logger: silentLogger,
    tell: async ({ text }, settle) => {
      db.transaction(settle);
      asked.push(text);
    },
  });
  return { asked, keeper };
}

const adminKey = (who: Person) => who.identity.accountState().state.certificate.adminPublicKey;

test("year after year the admin key is followed by another, and every contact learns of it by itself", async () => {
  const clock = new DaysClock();
  const [alice, bob, carol] = [
    person(undefined, { clock }),
    person(undefined, { clock }),
    person(undefined, { clock }),
  ];
  await verified(alice, bob);
  await verified(alice, carol);
  const { keeper, asked } = renewal(alice, clock);
  keeper.start();
  for (const year of [1, 2]) {
    const before = adminKey(alice);
    clock.pass(304 * DAY);
    await alice.overlay.idle();
    expect(adminKey(alice)).toEqual(before);
    clock.pass(2 * DAY);
    await alice.until(() => !adminKey(alice).equals(before));
    const { hash } = alice.identity.accountState();
    for (const one of [bob, carol])
      await one.until(() => one.contacts.accountState(alice.label)?.hash.equals(hash) === true);
    await bob.send(`in year ${year}`, alice);
    await alice.until(() => alice.contents().includes(`in year ${year}`));
  }
  await keeper.stop();
  expect(asked).toEqual([]);
  for (const one of [bob, carol]) {
    expect(one.contacts.byLabel(alice.label)?.state).toBe("verified");
    expect(one.count("contact-frozen")).toBe(0);
  }
});

test("where only the paper has the words, the user is asked for them in time, three times and not each day", async () => {
  const clock = new DaysClock();
  const alice = person(undefined, { clock });
  alice.identity.forgetMasterSeed();
  const before = adminKey(alice);
  const { keeper, asked } = renewal(alice, clock);
  keeper.start();
  const counts: number[] = [];
  for (const days of [300, 6, 1, 40, 5, 1, 9, 1, 1]) {
    clock.pass(days * DAY);
    await keeper.looked();
    counts.push(asked.length);
  }
  expect(counts).toEqual([0, 1, 1, 1, 2, 2, 2, 3, 3]);
  expect(asked[0]).toContain("postern paper-key --renew");
  expect(adminKey(alice)).toEqual(before);
  await keeper.stop();
});

import { expect, test } from "@jest/globals";
import { RENEWAL_PAUSE } from "../../overlay-adapter/limits.ts";
import { cast, SkippingClock, verified } from "./cast.ts";

const { person, copyOf } = cast();

test("a cloned disk, both copies running: both users are told, and one of the two goes on", async () => {
  const clock = new SkippingClock();
  const [alice, bob] = [person(), person(undefined, { clock })];
  await verified(alice, bob);
  await alice.send("a1", bob);
  await bob.send("b1", alice);
  await Promise.all([alice.untilLetters(1), bob.untilLetters(1)]);
  await Promise.all([alice.overlay.idle(), bob.overlay.idle()]);
  const clone = person(await copyOf(alice));
  await alice.send("a2", bob);
  await bob.until(() => bob.contents().includes("a2"));
  await clone.send("c2", bob);

  const told = (one: typeof alice) =>
    one.count("copy-running") + one.count("device-replaced") + one.count("superseded") > 0;
  await Promise.all([alice.until(() => told(alice)), clone.until(() => told(clone))]);
  // Bob asks again every ten minutes, and one of the two reads it.
  let number = 3;
  const one = () => [alice, clone].filter(({ overlay }) => overlay.active);
  const frozen = () => bob.contacts.byLabel(alice.label)?.state === "frozen";
  while (one().length > 1 && !frozen()) {
    for (const sender of one()) await sender.send(`${sender === alice ? "a" : "c"}${number}`, bob);
    if (number++ % 10 === 0) clock.skip(RENEWAL_PAUSE);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  if (frozen()) {
    // Both noticed in the same moment: two states of one rank, and the paper key has to decide.
    expect(bob.count("contact-frozen")).toBe(1);
    expect(alice.count("device-replaced") + clone.count("device-replaced")).toBe(2);
    return;
  }
  const [winner] = one();
  const loser = winner === alice ? clone : alice;
  expect(winner?.count("device-replaced")).toBe(1);
  expect(loser.count("superseded")).toBe(1);
  await winner?.send("the one who goes on", bob);
  await bob.until(() => bob.contents().includes("the one who goes on"));
  expect(bob.contents()).toContain("c2");
  await bob.send("for the one who goes on", alice);
  await winner?.until(() => winner.contents().includes("for the one who goes on"));
  expect(loser.contents()).not.toContain("for the one who goes on");
  expect(bob.contacts.byLabel(alice.label)?.state).toBe("verified");
});

import { expect, test } from "@jest/globals";
import { befriend, type HomeCopy, type Person } from "../overlay-adapter/person.ts";
import { cast, verified } from "./cast.ts";

const { person, copyOf } = cast();

/** Alice and Bob, verified, with letters both ways; Alice's home is copied, and then come more. */
async function story(): Promise<{ alice: Person; bob: Person; copy: HomeCopy }> {
  const [alice, bob] = [person(), person()];
  await verified(alice, bob);
  await alice.send("a1", bob);
  await bob.send("b1", alice);
  await Promise.all([alice.untilLetters(1), bob.untilLetters(1)]);
  await alice.overlay.idle();
  const copy = await copyOf(alice);
  for (const number of [2, 3, 4]) {
    await alice.send(`a${number}`, bob);
    await bob.untilLetters(number);
    await bob.send(`b${number}`, alice);
    await alice.untilLetters(number);
  }
  await Promise.all([alice.overlay.idle(), bob.overlay.idle()]);
  return { alice, bob, copy };
}

test("a restored home's letter arrives, though its key was used before: the home has become a new device", async () => {
  const { alice, bob, copy } = await story();
  await alice.restore(copy);
  await alice.send("after", bob);
  await bob.until(() => bob.contents().includes("after"));
  expect(alice.count("device-replaced")).toBe(1);
  expect(alice.device.deviceId).toBe(2);
  await bob.send("answer", alice);
  await alice.until(() => alice.contents().includes("answer"));
  // What the copy had lost came again, each letter once.
  expect([...alice.contents()].sort()).toEqual(["answer", "b1", "b2", "b3", "b4"]);
  expect(bob.contents()).toEqual(["a1", "a2", "a3", "a4", "after"]);
  const pinned = bob.contacts.accountState(alice.label)?.state;
  expect(pinned?.devices.map(({ deviceId }) => deviceId)).toEqual([2]);
  expect(pinned?.revoked).toHaveLength(1);
  for (const [one, other] of [
    [alice, bob],
    [bob, alice],
  ] as const) {
    expect(one.contacts.byLabel(other.label)).toMatchObject({ state: "verified" });
    expect(one.count("failed") + one.count("copy-running") + one.count("contact-frozen")).toBe(0);
  }
});

test("a restored home is told by the first letter that comes to it, which is not lost", async () => {
  const { alice, bob, copy } = await story();
  await alice.restore(copy);
  await bob.send("b5", alice);
  await alice.until(() => alice.contents().includes("b5") && alice.count("device-replaced") === 1);
  await alice.send("a5", bob);
  await bob.until(() => bob.contents().includes("a5"));
  await bob.send("b6", alice);
  await alice.until(() => alice.contents().includes("b6"));
  expect([...alice.contents()].sort()).toEqual(["b1", "b2", "b3", "b4", "b5", "b6"]);
  expect(bob.count("copy-running") + alice.count("copy-running")).toBe(0);
});

test("letters to every contact go on, also to one whom the copy knew and nobody wrote to", async () => {
  const { alice, bob } = await story();
  const carol = person();
  await befriend(alice, carol);
  const later = await copyOf(alice);
  await alice.send("c1", carol);
  await carol.untilLetters(1);
  await alice.restore(later);
  await alice.send("c2", carol);
  await carol.until(() => carol.contents().includes("c2"));
  await bob.until(() => bob.contacts.accountState(alice.label)?.state.devices[0]?.deviceId === 2);
  await bob.send("to the new device", alice);
  await alice.until(() => alice.contents().includes("to the new device"));
  await alice.send("from the new device", bob);
  await bob.until(() => bob.contents().includes("from the new device"));
});

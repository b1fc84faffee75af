import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { cpaceShare } from "../../overlay-adapter/contacts/cpace.ts";
import { formatPairCode, parsePairCode } from "../../overlay-adapter/contacts/pair-code.ts";
import {
  answerPair,
  nameplateKeys,
  openPairOffer,
  pairInputs,
  sealPairOffer,
  takePairAnswer,
} from "../../overlay-adapter/contacts/pair-messages.ts";
import { createRelayClient, type RelayClientOptions } from "../../overlay-adapter/relay-client/relay-client.ts";
import type { Person } from "../overlay-adapter/person.ts";
import { DAY, MINUTE } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

let street: Neighbourhood;

beforeAll(async () => {
  street = await Neighbourhood.open();
});

afterEach(() => street.leave());

afterAll(() => street.close());

const stateOf = (who: Person, whose: Person) => who.contacts.byLabel(whose.label)?.state;

/** Another password under the same number. */
function wrong(code: string): string {
  const { nameplate, password } = parsePairCode(code);
  return formatPairCode({ nameplate, password: password === "zoo-zoo-zoo" ? "zone-zoo-zoo" : "zoo-zoo-zoo" });
}

/** A client that hands every slot's cell that it is given to `seen`. */
function watched(seen: { cells: Buffer[]; sent: Buffer[] }) {
  return (options: RelayClientOptions) => {
    const client = createRelayClient(options);
    return {
      ...client,
      putSlot: (...asked: Parameters<typeof client.putSlot>) => {
        seen.cells.push(Buffer.from(asked[3]));
        return client.putSlot(...asked);
      },
      send: (...asked: Parameters<typeof client.send>) => {
        seen.sent.push(Buffer.from(asked[2]));
        return client.send(...asked);
      },
    };
  };
}

test("two who speak a code to each other are each other's verified contacts, and letters flow", async () => {
  const slots = street.relay.counts().slots;
  const [alice, bob] = [street.person(), street.person()];
  const { code } = await alice.overlay.meetings.makeCode("bob");
  expect(code).toMatch(/^[1-9]\d?-[a-z]+-[a-z]+-[a-z]+$/);
  bob.overlay.meetings.takeCode(` ${code.toUpperCase().replaceAll("-", " ")} `, "alice");
  await Promise.all([
    alice.until(() => stateOf(alice, bob) === "verified"),
    bob.until(() => stateOf(bob, alice) === "verified"),
  ]);
  await alice.send("hello bob", bob);
  await bob.send("hello alice", alice);
  await Promise.all([alice.untilLetters(1), bob.untilLetters(1)]);
  await alice.until(() => alice.overlay.safetyPhrase(bob.label) !== undefined);
  expect(alice.overlay.safetyPhrase(bob.label)).toBe(bob.overlay.safetyPhrase(alice.label));
  expect(alice.contacts.list()).toMatchObject([{ petname: "bob", how: "spoken-code" }]);
  await Promise.all([alice.overlay.idle(), bob.overlay.idle()]);
  expect([...alice.overlay.meetings.codes(), ...bob.overlay.meetings.codes()]).toEqual([]);
  expect(street.relay.counts().slots).toBe(slots);
});

test("hours apart, each off while the other is there, and both killed in between", async () => {
  const [alice, bob] = [street.person(), street.person()];
  const { code } = await alice.overlay.meetings.makeCode("bob");
  alice.crash();
  bob.overlay.meetings.takeCode(code, "alice");
  await bob.until(() => bob.overlay.meetings.codes()[0]?.state === "answered");
  bob.crash();
  street.clock.pass(4 * DAY);
  alice.open();
  await alice.until(() => stateOf(alice, bob) === "verified");
  await alice.overlay.idle();
  alice.crash();
  bob.open();
  await bob.until(() => stateOf(bob, alice) === "verified");
  alice.open();
  await alice.until(() => alice.overlay.safetyPhrase(bob.label) !== undefined);
  expect(bob.overlay.meetings.codes()).toEqual([]);
});

test("a wrong guess burns the code: both sides are told, nobody becomes a contact, and the right words come too late", async () => {
  const [alice, mallory, bob] = [street.person(), street.person(), street.person()];
  const { code } = await alice.overlay.meetings.makeCode("bob");
  mallory.overlay.meetings.takeCode(wrong(code), "alice");
  await alice.untilEvent("pair-failed");
  await mallory.untilEvent("pair-failed");
  bob.overlay.meetings.takeCode(code, "alice");
  await bob.untilEvent("pair-failed");
  for (const one of [alice, mallory, bob]) {
    expect(one.contacts.list()).toEqual([]);
    expect(one.overlay.meetings.codes()).toEqual([]);
    expect(one.overlay.pendingInvites()).toEqual([]);
  }
});

test("somebody who only takes the nameplate is noticed by both, without a guess", async () => {
  const [alice, bob] = [street.person(), street.person()];
  const { code } = await alice.overlay.meetings.makeCode("bob");
  const thief = createRelayClient({ carrier: tlsCarrier() });
  const { slotId } = nameplateKeys(street.relay.address, parsePairCode(code).nameplate);
  expect((await thief.claimSlot(street.relay.address, slotId, Buffer.alloc(32, 7))).kind).toBe("cell");
  bob.overlay.meetings.takeCode(code, "alice");
  await bob.untilEvent("pair-failed");
  street.clock.pass(11 * MINUTE);
  await alice.untilEvent("pair-failed");
  expect(alice.contacts.list()).toEqual([]);
  await thief.close();
});

test("a relay in the middle that puts in an offer of its own gets one guess, and is seen", async () => {
  const alice = street.person();
  const { code } = await alice.overlay.meetings.makeCode("bob");
  const real = parsePairCode(code);
  const { cellKey } = nameplateKeys(street.relay.address, real.nameplate);
  const guess = parsePairCode(wrong(code));
  // Bob's relay answers his claim with an offer that is made from a guess.
  const liar = street.person({
    connect: (options) => {
      const client = createRelayClient(options);
      return {
        ...client,
        claimSlot: async (...asked) => {
          const claim = await client.claimSlot(...asked);
          if (claim.kind !== "cell") return claim;
          const { session, queue } = openPairOffer(claim.cell, cellKey);
          const { share } = cpaceShare(pairInputs(guess, street.relay.address, session), Buffer.alloc(32, 9));
          return { kind: "cell", cell: sealPairOffer({ session, share, queue }, cellKey, Buffer.alloc(12, 1)) };
        },
      };
    },
  });
  liar.overlay.meetings.takeCode(code, "alice");
  await alice.untilEvent("pair-failed");
  await liar.untilEvent("pair-failed");
  expect([...alice.contacts.list(), ...liar.contacts.list()]).toEqual([]);
});

test("a recorded transcript cannot tell one password from another: all it can be asked takes the scalar", async () => {
  const seen = { cells: [] as Buffer[], sent: [] as Buffer[] };
  const alice = street.person({ connect: watched(seen) });
  const bob = street.person({ connect: watched(seen) });
  const { code } = await alice.overlay.meetings.makeCode("bob");
  bob.overlay.meetings.takeCode(code, "alice");
  await bob.until(() => stateOf(bob, alice) === "verified");
  const { address } = street.relay;
  const right = parsePairCode(code);
  const { cellKey } = nameplateKeys(address, right.nameplate);
  const offer = openPairOffer(seen.cells.at(0) ?? Buffer.alloc(0), cellKey);
  // Every password has a scalar that explains the recorded share: what is on the wire fits all of them.
  const dictionary = [right.password, "zoo-zoo-zoo", "abandon-ability-able", "guitar-lemon-orbit"];
  for (const password of dictionary) {
    const attempt = { nameplate: right.nameplate, password };
    const answer = answerPair(attempt, address, offer, Buffer.alloc(32, 5));
    const sealed = answer?.seal(Buffer.from("bundle"), Buffer.alloc(12));
    expect(sealed?.length).toBe(32 + 64 + 6 + 16);
    // With a scalar of its own for each candidate, the listener's check of the recorded tag fails alike, the right one included.
    const { scalar } = cpaceShare(pairInputs(attempt, address, offer.session), Buffer.alloc(32, 6));
    const recorded = answerPair(right, address, offer, Buffer.alloc(32, 8))?.seal(
      Buffer.from("bundle"),
      Buffer.alloc(12),
    );
    expect(takePairAnswer({ ...offer, scalar }, recorded ?? Buffer.alloc(0), Buffer.alloc(12))).toBeUndefined();
  }
  // And no word of the password, nor a hash of it, is in anything that was sent.
  const wire = Buffer.concat([...seen.cells, ...seen.sent]);
  for (const word of right.password.split("-"))
    expect(wire.includes(Buffer.from(word))).toBe(word.length < 4 && wire.includes(word));
});

test("the confirmation of another password fails, and of the right one holds", () => {
  const { address } = street.relay;
  const right = { nameplate: 7, password: "guitar-lemon-orbit" };
  const session = Buffer.alloc(16, 1);
  const queue = { relay: address, senderId: Buffer.alloc(24), senderKey: Buffer.alloc(32), queueKey: Buffer.alloc(32) };
  const { token: _, ...relay } = address;
  const offer = {
    session,
    queue: { ...queue, relay },
    ...cpaceShare(pairInputs(right, address, session), Buffer.alloc(32, 3)),
  };
  const nonce = Buffer.alloc(12);
  for (const [password, fits] of [
    ["guitar-lemon-orbit", true],
    ["guitar-lemon-other", false],
  ] as const) {
    const answer = answerPair({ nameplate: 7, password }, address, offer, Buffer.alloc(32, 4));
    const taken = takePairAnswer(offer, answer?.seal(Buffer.from("bundle"), nonce) ?? Buffer.alloc(0), nonce);
    expect(taken?.bundle.toString()).toBe(fits ? "bundle" : undefined);
  }
});

test("a code expires after five days on both sides, and one that is cancelled is gone at once", async () => {
  const [alice, bob] = [street.person(), street.person()];
  const first = await alice.overlay.meetings.makeCode("bob");
  street.clock.pass(5 * DAY + MINUTE);
  await alice.untilEvent("pair-failed");
  bob.overlay.meetings.takeCode(first.code, "alice");
  await bob.untilEvent("pair-failed");
  const slots = street.relay.counts().slots;
  const second = await alice.overlay.meetings.makeCode("carol");
  alice.overlay.meetings.cancel(second.id);
  await alice.until(() => street.relay.counts().slots === slots);
  expect(alice.overlay.meetings.codes()).toEqual([]);
});

test("what is no code, one's own, and a word of no list are refused before they cost a guess", async () => {
  const alice = street.person();
  const { meetings } = alice.overlay;
  expect(() => meetings.takeCode("guitar-lemon-orbit", "bob")).toThrow("begins with its number");
  expect(() => meetings.takeCode("7-guitar-lemon", "bob")).toThrow("3 words");
  expect(() => meetings.takeCode("7-guitar-lemon-orbitt", "bob")).toThrow('"orbitt" is no word');
  const { code } = await meetings.makeCode("bob");
  expect(() => meetings.takeCode(code, "bob")).toThrow("your own code");
  expect(alice.count("pair-failed")).toBe(0);
});

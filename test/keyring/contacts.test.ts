import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type AddressLabel, addressLabel } from "../../foundation/address.ts";
import { Database } from "../../foundation/database.ts";
import { signAccountState } from "../../keyring/account-state.ts";
import { type ContactState, Contacts } from "../../keyring/contacts.ts";
import { checkPetname } from "../../keyring/petname.ts";
import { identityKey } from "./fixed-random.ts";
import { DAY, MASTER, masterState, nextState, SOME_STATE, someState } from "./some-account.ts";
import { NOW } from "./some-vault.ts";

let directory: string;
let database: Database;
let contacts: Contacts;
let now: number;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "postern-contacts-"));
  database = new Database(join(directory, "state.db"));
  now = NOW;
  contacts = new Contacts(database, { now: () => now });
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

const BOB = addressLabel(MASTER.publicKey);
const CAROL = addressLabel(Buffer.from("carol"));
const LAPTOP = SOME_STATE.devices[0]?.identityKey ?? Buffer.alloc(0);

function add(petname: string, label: AddressLabel = BOB, state: ContactState = "invited") {
  return contacts.add({ label, petname, state, how: "invite" });
}

test("what a transaction wrote and rolled back is not remembered", () => {
  add("Bob");
  expect(contacts.byLabel(BOB)?.state).toBe("invited");
  expect(() =>
    database.transaction(() => {
      contacts.setState(BOB, "verified");
      contacts.rename(BOB, "Robert");
      expect(contacts.byLabel(BOB)).toMatchObject({ state: "verified", petname: "Robert" });
      expect(contacts.byPetname("bob")).toBeUndefined();
      throw new Error("undone");
    }),
  ).toThrow("undone");
  expect(contacts.byLabel(BOB)).toMatchObject({ state: "invited", petname: "Bob" });
  expect(contacts.byPetname("robert")).toBeUndefined();
  expect(contacts.byPetname("BOB")?.label).toBe(BOB);
});

test("a contact that was read is read anew once it has changed", () => {
  add("Bob");
  expect(contacts.byPetname("Bob")?.label).toBe(BOB);
  contacts.setState(BOB, "verified");
  expect(contacts.byLabel(BOB)?.state).toBe("verified");
  contacts.rename(BOB, "Robert");
  expect(contacts.byPetname("Bob")).toBeUndefined();
  contacts.remove(BOB);
  expect(contacts.byLabel(BOB)).toBeUndefined();
  expect(contacts.byPetname("Robert")).toBeUndefined();
});

test("a contact is found by address and by petname in any case", () => {
  const bob = add("Bob");
  expect(bob).toEqual({
    label: BOB,
    petname: "Bob",
    state: "invited",
    how: "invite",
    accountState: undefined,
    epoch: 0,
    createdAt: NOW,
  });
  expect(contacts.byLabel(BOB)).toEqual(bob);
  expect(contacts.byPetname("bOB")).toEqual(bob);
  expect(contacts.byPetname("carol")).toBeUndefined();
  add("anna", CAROL);
  expect(contacts.list().map(({ petname }) => petname)).toEqual(["anna", "Bob"]);
});

test("one petname means one contact, one address one petname", () => {
  add("bob");
  expect(() => add("BOB", CAROL)).toThrow(expect.objectContaining({ code: "already-exists" }));
  expect(() => add("robert")).toThrow(expect.objectContaining({ code: "already-exists" }));
  add("carol", CAROL);
  expect(() => contacts.rename(CAROL, "bob")).toThrow(expect.objectContaining({ code: "already-exists" }));
  contacts.rename(BOB, "BOB");
  contacts.rename(CAROL, "caro");
  expect(contacts.list().map(({ petname }) => petname)).toEqual(["BOB", "caro"]);
});

test.each([
  "",
  ".bob",
  "bob.",
  "b..ob",
  "bob smith",
  "bob@home",
  "b\u00f6b",
  '"bob"',
  "-rf",
  "bob\r\n",
  "x".repeat(65),
])("%j is no petname, and the refusal says what is", (petname) => {
  const refusal = expect.objectContaining({ code: "invalid", message: expect.stringContaining("letters") });
  expect(() => add(petname)).toThrow(refusal);
  add("bob");
  expect(() => contacts.rename(BOB, petname)).toThrow(refusal);
});

test.each(["bob", "Anna.B", "dr-who", "x_1", "7", "x".repeat(64)])("%j is a petname", (petname) => {
  expect(checkPetname(petname)).toBe(petname);
});

test.each(["postern", "Postmaster", "MAILER-DAEMON"])("%s is the bridge itself", (petname) => {
  expect(() => add(petname)).toThrow(expect.objectContaining({ code: "invalid" }));
});

test("a petname is always a local part that needs no quotes", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
      try {
        expect(checkPetname(text)).toMatch(/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*$/);
      } catch (error) {
        expect(error).toMatchObject({ code: "invalid" });
      }
    }),
  );
});

test("a newer state is pinned, an older one is not, and both survive the program's end", () => {
  add("bob");
  const first = someState();
  const second = nextState(first);
  expect(contacts.accountState(BOB)).toBeUndefined();
  expect(contacts.pinAccountState(BOB, first.bytes)).toEqual({ kind: "pinned" });
  expect(contacts.pinAccountState(BOB, second.bytes)).toEqual({ kind: "pinned" });
  expect(contacts.pinAccountState(BOB, second.bytes)).toEqual({ kind: "unchanged" });
  expect(contacts.pinAccountState(BOB, first.bytes)).toEqual({ kind: "rollback" });
  contacts = new Contacts(database, { now: () => now });
  expect(contacts.byLabel(BOB)).toMatchObject({ epoch: 2, accountState: second.bytes });
  expect(contacts.accountState(BOB)).toEqual(second);
});

test("a fork freezes the contact, and M's word alone does not thaw it", () => {
  add("bob", BOB, "verified");
  const first = someState();
  contacts.pinAccountState(BOB, nextState(first, { relays: ["one"] }).bytes);
  expect(contacts.pinAccountState(BOB, nextState(first, { relays: ["two"] }).bytes)).toEqual({ kind: "fork" });
  expect(contacts.byLabel(BOB)?.state).toBe("frozen");
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(false);
  expect(contacts.pinAccountState(BOB, masterState(DAY).bytes)).toEqual({ kind: "pinned" });
  expect(contacts.byLabel(BOB)?.state).toBe("frozen");
  contacts.setState(BOB, "verified");
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(true);
});

test("a state that is broken, expired or another identity's changes nothing", () => {
  add("bob");
  add("carol", CAROL);
  const { bytes } = someState();
  expect(contacts.pinAccountState(CAROL, bytes)).toMatchObject({ kind: "invalid" });
  expect(contacts.pinAccountState(BOB, Buffer.alloc(300))).toMatchObject({ kind: "invalid" });
  now = NOW + 400 * DAY;
  expect(contacts.pinAccountState(BOB, bytes)).toMatchObject({ kind: "invalid" });
  expect(contacts.byLabel(BOB)?.epoch).toBe(0);
});

test("what was pinned stays trusted after its certificate's end", () => {
  add("bob");
  contacts.pinAccountState(BOB, someState().bytes);
  now = NOW + 1000 * DAY;
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(true);
});

test("a pin that is rolled back with the caller's transaction is gone", () => {
  add("bob");
  expect(() =>
    database.transaction(() => {
      contacts.pinAccountState(BOB, someState().bytes);
      expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(true);
      throw new Error("disk");
    }),
  ).toThrow("disk");
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(false);
});

test.each(["pending", "invited", "introduced", "verified"] as const)(
  "the devices in the pinned state of a contact that is %s are trusted, no others",
  (state) => {
    add("bob", BOB, state);
    expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(false);
    contacts.pinAccountState(BOB, someState().bytes);
    expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(true);
    expect(contacts.isTrustedDevice(BOB, 2, LAPTOP)).toBe(false);
    expect(contacts.isTrustedDevice(BOB, 1, identityKey("phone"))).toBe(false);
    expect(contacts.isTrustedDevice(CAROL, 1, LAPTOP)).toBe(false);
  },
);

test.each(["frozen", "revoked"] as const)("no device of a contact that is %s is trusted", (state) => {
  add("bob", BOB, state);
  contacts.pinAccountState(BOB, someState().bytes);
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(false);
});

test("a revoked device is not trusted any more", () => {
  add("bob");
  const first = someState();
  contacts.pinAccountState(BOB, first.bytes);
  contacts.pinAccountState(BOB, nextState(first, { devices: [], revoked: [LAPTOP] }).bytes);
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(false);
});

test("the user's own devices are trusted without a contact, and nobody else is oneself", () => {
  const own = { label: BOB, accountState: () => signAccountState(SOME_STATE, MASTER) };
  contacts = new Contacts(database, { now: () => now, own });
  expect(contacts.isTrustedDevice(BOB, 1, LAPTOP)).toBe(true);
  expect(contacts.isTrustedDevice(BOB, 1, identityKey("stranger"))).toBe(false);
  expect(() => add("me", BOB)).toThrow(expect.objectContaining({ code: "already-exists" }));
});

test("a revoked contact comes back only as a new one", () => {
  add("bob");
  contacts.setState(BOB, "revoked");
  expect(() => contacts.setState(BOB, "verified")).toThrow(expect.objectContaining({ code: "forbidden" }));
  contacts.remove(BOB);
  expect(contacts.byLabel(BOB)).toBeUndefined();
  expect(add("bob").epoch).toBe(0);
});

test("a contact that is not there has a name for it", () => {
  const nonexistent = expect.objectContaining({ code: "nonexistent" });
  expect(() => contacts.rename(BOB, "bob")).toThrow(nonexistent);
  expect(() => contacts.setState(BOB, "verified")).toThrow(nonexistent);
  expect(() => contacts.remove(BOB)).toThrow(nonexistent);
  expect(() => contacts.pinAccountState(BOB, someState().bytes)).toThrow(nonexistent);
  expect(contacts.accountState(BOB)).toBeUndefined();
});

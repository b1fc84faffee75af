import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { addressLabel } from "../../foundation/address.ts";
import { Database } from "../../foundation/database.ts";
import { verifyAccountState } from "../../keyring/account-state.ts";
import { signingKey, verifySignature } from "../../keyring/ed25519.ts";
import { createIdentity, loadIdentity, type NewIdentity } from "../../keyring/identity.ts";
import { pin } from "../../keyring/pin.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import { fixedRandom, identityKey } from "./fixed-random.ts";
import { DAY } from "./some-account.ts";
import { NOW, SEED } from "./some-vault.ts";

let directory: string;
let database: Database;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "postern-identity-"));
  database = new Database(join(directory, "state.db"));
});
afterEach(() => {
  database.close();
  rmSync(directory, { recursive: true });
});

const LAPTOP = { identityKey: identityKey("laptop"), registrationId: 42 };
const PHONE = { deviceId: 2, identityKey: identityKey("phone"), registrationId: 43 };

function create(changes: Partial<NewIdentity> = {}) {
  return createIdentity(database, {
    now: NOW,
    random: fixedRandom("identity"),
    device: LAPTOP,
    masterSeed: SEED,
    relays: ["relay"],
    ...changes,
  });
}

const load = () => {
  const identity = loadIdentity(database, fixedRandom("loaded"));
  if (identity === undefined) throw new Error("no identity");
  return identity;
};

test("an identity is its master key: the address follows from the seed", () => {
  const identity = create();
  const label = addressLabel(signingKey(SEED).publicKey);
  expect(identity.label).toBe(label);
  expect(identity.address("me")).toBe(`me@${label}.postern.alt`);
  expect(identity.recoveryRecipient).toBe(recoveryIdentity(SEED).recipient);
  expect(identity.masterSeed()).toEqual(SEED);
});

test("an identity comes back from the database as it was", () => {
  expect(loadIdentity(database, fixedRandom("x"))).toBeUndefined();
  const created = create();
  const loaded = load();
  expect(loaded.label).toBe(created.label);
  expect(loaded.deviceId).toBe(1);
  expect(loaded.accountState()).toEqual(created.accountState());
});

test("a vault has one identity", () => {
  create();
  expect(() => create({ masterSeed: Buffer.alloc(32, 1) })).toThrow(
    expect.objectContaining({ code: "already-exists" }),
  );
  expect(load().masterSeed()).toEqual(SEED);
});

test("the first state holds this device and the relays, and others can verify it", () => {
  const verification = verifyAccountState(create().accountState().bytes, NOW);
  expect(verification).toMatchObject({
    kind: "valid",
    signed: { signer: "master", state: { epoch: 1, devices: [{ deviceId: 1, ...LAPTOP }], relays: ["relay"] } },
  });
});

test("every change is one epoch, signed by K, following the one before", () => {
  const identity = create();
  const before = identity.accountState();
  const after = identity.changeAccountState(({ devices }) => ({ devices: [...devices, PHONE] }));
  expect(after.signer).toBe("admin");
  expect(after.state.epoch).toBe(2);
  expect(after.state.prevHash).toEqual(before.hash);
  expect(pin(before, after)).toEqual({ kind: "pinned" });
  expect(load().accountState()).toEqual(after);
});

test("a change that is rolled back or refused leaves no trace", () => {
  const identity = create();
  const before = identity.accountState();
  expect(() =>
    database.transaction(() => {
      identity.changeAccountState(() => ({ relays: ["lost"] }));
      expect(identity.accountState().state.relays).toEqual(["lost"]);
      throw new Error("disk");
    }),
  ).toThrow("disk");
  expect(() => identity.changeAccountState(() => ({ devices: [PHONE, PHONE] }))).toThrow(RangeError);
  expect(identity.accountState()).toEqual(before);
});

test("K signs for a context, and the account state tells others its key", () => {
  const identity = create();
  const signature = identity.signWithAdmin("postern test", Buffer.from("message"));
  const { adminPublicKey } = identity.accountState().state.certificate;
  expect(verifySignature(adminPublicKey, "postern test", Buffer.from("message"), signature)).toBe(true);
  expect(verifySignature(adminPublicKey, "postern other", Buffer.from("message"), signature)).toBe(false);
});

test("a master seed that was written down is gone from the disk", () => {
  const identity = create();
  identity.forgetMasterSeed();
  expect(identity.masterSeed()).toBeUndefined();
  expect(load().masterSeed()).toBeUndefined();
  database.close();
  // The test's database has no key, so the seed would show.
  expect(readFileSync(join(directory, "state.db")).includes(SEED)).toBe(false);
  database = new Database(join(directory, "state.db"));
});

test("M renews the admin key: the new state beats all before, and the old K signs no more", () => {
  const identity = create();
  const before = identity.changeAccountState(() => ({ relays: ["two"] }));
  identity.forgetMasterSeed();
  const renewed = identity.renewAdminKey(SEED, NOW + 300 * DAY);
  expect(renewed.signer).toBe("master");
  expect(renewed.state.certificate.adminPublicKey).not.toEqual(before.state.certificate.adminPublicKey);
  expect(pin(before, renewed)).toEqual({ kind: "pinned" });
  const next = identity.changeAccountState(() => ({ relays: ["three"] }));
  expect(next.signer).toBe("admin");
  expect(pin(renewed, next)).toEqual({ kind: "pinned" });
  expect(verifyAccountState(next.bytes, NOW + 600 * DAY).kind).toBe("valid");
});

test("a renewal under a clock that was set back still counts as the newer one", () => {
  const identity = create();
  const before = identity.accountState();
  expect(pin(before, identity.renewAdminKey(SEED, NOW - 100 * DAY))).toEqual({ kind: "pinned" });
});

test("another identity's paper renews nothing", () => {
  const identity = create();
  expect(() => identity.renewAdminKey(Buffer.alloc(32, 1), NOW)).toThrow(
    expect.objectContaining({ code: "forbidden" }),
  );
});

test("an identity restored from paper alone replaces what contacts had pinned", () => {
  const lost = create();
  for (let epoch = 2; epoch < 10; epoch += 1) lost.changeAccountState(() => ({ relays: [`${epoch}`] }));
  const other = new Database(join(directory, "other.db"));
  const device = { ...PHONE, deviceId: 9 };
  const restored = createIdentity(other, { now: NOW + DAY, random: fixedRandom("new"), device, masterSeed: SEED });
  expect(restored.label).toBe(lost.label);
  expect(pin(lost.accountState(), restored.accountState())).toEqual({ kind: "pinned" });
  other.close();
});

import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  type AccountState,
  decodeAccountState,
  type SignedAccountState,
  signAccountState,
  verifyAccountState,
} from "../../keyring/account-state.ts";
import { issueCertificate } from "../../keyring/admin-certificate.ts";
import { ACCOUNT_STATE_MAX, DEVICE_ID_MAX, RELAY_URL_MAX, RELAYS_MAX, REVOKED_MAX } from "../../keyring/limits.ts";
import { identityKey } from "./fixed-random.ts";
import { ADMIN, CERTIFICATE, DAY, MASTER, OTHER_ADMIN, SOME_STATE, someState } from "./some-account.ts";
import { NOW } from "./some-vault.ts";

const relay = fc
  .array(fc.integer({ min: 0x21, max: 0x7e }), { minLength: 1, maxLength: RELAY_URL_MAX })
  .map((codes) => String.fromCharCode(...codes));

const state: fc.Arbitrary<AccountState> = fc
  .record({
    epoch: fc.maxSafeNat().map((epoch) => Math.max(1, epoch)),
    prevHash: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    ids: fc.uniqueArray(fc.integer({ min: 1, max: DEVICE_ID_MAX }), { maxLength: 10 }),
    registrationId: fc.integer({ min: 1, max: 0x3fff }),
    revoked: fc.nat(5),
    relays: fc.uniqueArray(relay, { maxLength: 3 }),
  })
  .map(({ ids, registrationId, revoked, ...rest }) => ({
    ...SOME_STATE,
    ...rest,
    devices: ids.map((deviceId) => ({ deviceId, registrationId, identityKey: identityKey(`device ${deviceId}`) })),
    revoked: Array.from({ length: revoked }, (_, index) => identityKey(`revoked ${index}`)),
  }));

function valid(signed: SignedAccountState): SignedAccountState {
  const verification = verifyAccountState(signed.bytes, NOW);
  if (verification.kind === "invalid") throw new Error(verification.why);
  return verification.signed;
}

test("a state comes back as it was signed, and encodes to the same bytes again", () => {
  fc.assert(
    fc.property(state, fc.constantFrom(ADMIN, MASTER), (state, signer) => {
      const signed = signAccountState(state, signer);
      const back = valid(signed);
      expect(back).toEqual(signed);
      expect(back.signer).toBe(signer === MASTER ? "master" : "admin");
      expect(signAccountState(back.state, signer).bytes).toEqual(signed.bytes);
    }),
    { numRuns: 50 },
  );
});

test("a flipped bit never verifies", () => {
  const { bytes } = someState({ revoked: [identityKey("lost phone")] });
  for (let bit = 0; bit < bytes.length * 8; bit += 1) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(decodeAccountState(flipped).kind).toBe("invalid");
  }
});

test("a state that is cut, or followed by more, never verifies", () => {
  const { bytes } = someState();
  for (let length = 0; length < bytes.length; length += 1)
    expect(decodeAccountState(bytes.subarray(0, length)).kind).toBe("invalid");
  expect(decodeAccountState(Buffer.concat([bytes, Buffer.of(0)])).kind).toBe("invalid");
});

test("bytes of a stranger are invalid and never an error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => decodeAccountState(bytes).kind === "invalid"));
});

test("the largest state that is allowed fits its bound, and one more of anything does not", () => {
  const devices = Array.from({ length: DEVICE_ID_MAX }, (_, index) => ({
    deviceId: index + 1,
    registrationId: 1,
    identityKey: identityKey(`${index}`),
  }));
  const revoked = Array.from({ length: REVOKED_MAX }, (_, index) => identityKey(`revoked ${index}`));
  const relays = Array.from({ length: RELAYS_MAX }, (_, index) => `${index}`.padEnd(RELAY_URL_MAX, "x"));
  const signed = someState({ devices, revoked, relays });
  expect(signed.bytes.length).toBe(11_097);
  expect(signed.bytes.length).toBeLessThan(ACCOUNT_STATE_MAX);
  expect(valid(signed).state.devices).toHaveLength(DEVICE_ID_MAX);
  const one = devices[0] as (typeof devices)[0];
  for (const changes of [
    { devices: [{ ...one, deviceId: 128 }] },
    { devices: [{ ...one, deviceId: 0 }] },
    { devices: [one, one] },
    { devices: [one, { ...one, deviceId: 2 }] },
    { devices: [{ ...one, registrationId: 0 }] },
    { devices: [{ ...one, registrationId: 0x4000 }] },
    { devices: [{ ...one, identityKey: Buffer.alloc(33) }] },
    { devices: [{ ...one, identityKey: Buffer.alloc(32, 5) }] },
    { devices: [one], revoked: [one.identityKey] },
    { revoked: [...revoked, identityKey("one more")] },
    { revoked: [one.identityKey, one.identityKey] },
    { relays: [...relays, "one more"] },
    { relays: ["x".repeat(RELAY_URL_MAX + 1)] },
    { relays: ["two words"] },
    { relays: ["twice", "twice"] },
    { relays: [""] },
    { epoch: 0 },
    { epoch: 1.5 },
    { prevHash: Buffer.alloc(31) },
  ])
    expect(() => someState(changes)).toThrow(RangeError);
});

test("devices and revocations are sorted before they are signed", () => {
  const [a, b] = [identityKey("a"), identityKey("b")].sort((x, y) => x.compare(y)) as [Buffer, Buffer];
  const device = (deviceId: number) => ({ deviceId, registrationId: 1, identityKey: identityKey(`${deviceId}`) });
  const signed = someState({ devices: [device(9), device(2)], revoked: [b, a] });
  expect(signed.state.devices.map(({ deviceId }) => deviceId)).toEqual([2, 9]);
  expect(signed.state.revoked).toEqual([a, b]);
  expect(signed.bytes).toEqual(someState({ devices: [device(2), device(9)], revoked: [a, b] }).bytes);
});

test("K without M's certificate signs nothing", () => {
  expect(() => signAccountState(SOME_STATE, OTHER_ADMIN)).toThrow(RangeError);
  const certificate = issueCertificate(OTHER_ADMIN, ADMIN.publicKey, NOW, NOW + DAY);
  expect(decodeAccountState(someState({ certificate }).bytes)).toMatchObject({ kind: "invalid" });
  const stretched = { ...CERTIFICATE, expiresAt: CERTIFICATE.expiresAt + DAY };
  expect(decodeAccountState(someState({ certificate: stretched }).bytes)).toMatchObject({ kind: "invalid" });
});

test("an admin key is certified for a year at most", () => {
  expect(() => issueCertificate(MASTER, ADMIN.publicKey, NOW, NOW + 367 * DAY)).toThrow(RangeError);
  expect(() => issueCertificate(MASTER, ADMIN.publicKey, NOW, NOW)).toThrow(RangeError);
});

test("K may be a month late and a clock two days behind, not more", () => {
  const { bytes } = someState();
  const at = (now: number) => verifyAccountState(bytes, now).kind;
  expect(at(NOW - 2 * DAY)).toBe("valid");
  expect(at(NOW - 2 * DAY - 1)).toBe("invalid");
  expect(at(CERTIFICATE.expiresAt + 30 * DAY)).toBe("valid");
  expect(at(CERTIFICATE.expiresAt + 30 * DAY + 1)).toBe("invalid");
  expect(decodeAccountState(bytes).kind).toBe("valid");
});

test("M's own word does not age", () => {
  const { bytes } = signAccountState(SOME_STATE, MASTER);
  expect(verifyAccountState(bytes, NOW + 5000 * DAY).kind).toBe("valid");
});

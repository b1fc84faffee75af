import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type SignedAccountState, signAccountState } from "../../keyring/account-state.ts";
import { signingKey } from "../../keyring/ed25519.ts";
import { pin } from "../../keyring/pin.ts";
import { identityKey } from "./fixed-random.ts";
import { DAY, MASTER, masterState, nextState, OTHER_ADMIN, SOME_STATE, someState } from "./some-account.ts";

const FIRST = someState();
const SECOND = nextState(FIRST, { relays: ["second"] });
const THIRD = nextState(SECOND, { relays: ["third"] });
const RECOVERY = masterState(DAY, { relays: ["recovered"] });

test("the first state is pinned, and the same one again changes nothing", () => {
  expect(pin(undefined, SECOND)).toEqual({ kind: "pinned" });
  expect(pin(SECOND, someState(SECOND.state))).toEqual({ kind: "unchanged" });
});

test("a later epoch is pinned even where some between were missed, an earlier one is a rollback", () => {
  expect(pin(FIRST, SECOND).kind).toBe("pinned");
  expect(pin(FIRST, THIRD).kind).toBe("pinned");
  expect(pin(THIRD, FIRST).kind).toBe("rollback");
});

test("two different states at one epoch are a fork", () => {
  expect(pin(SECOND, nextState(FIRST, { relays: ["elsewhere"] })).kind).toBe("fork");
});

test("a state that follows another one than the pinned is a fork", () => {
  const elsewhere = nextState(nextState(FIRST, { relays: ["elsewhere"] }));
  expect(pin(SECOND, elsewhere).kind).toBe("fork");
});

test("M's word with a new certificate beats K's at any epoch, and K's old states do not come back", () => {
  const usurped = nextState(FIRST, { epoch: Number.MAX_SAFE_INTEGER, relays: ["thief"] });
  expect(pin(FIRST, usurped).kind).toBe("pinned");
  expect(RECOVERY.state.epoch).toBe(1);
  expect(pin(usurped, RECOVERY).kind).toBe("pinned");
  expect(pin(RECOVERY, usurped).kind).toBe("rollback");
});

test("M's word beats K's at the same epoch under the same certificate too", () => {
  const byMaster = signAccountState({ ...SECOND.state, relays: ["by-master"] }, MASTER);
  expect(pin(SECOND, byMaster).kind).toBe("pinned");
  expect(pin(byMaster, SECOND).kind).toBe("rollback");
});

test("an old word of M's cannot be replayed against what K signed since", () => {
  const genesis = signAccountState(SOME_STATE, MASTER);
  expect(pin(THIRD, genesis).kind).toBe("rollback");
});

test("two different recoveries at one time are a fork", () => {
  expect(pin(RECOVERY, masterState(DAY, { relays: ["another"] })).kind).toBe("fork");
});

test("K cannot take a revocation back; M can", () => {
  const revoked = nextState(FIRST, { devices: [], revoked: [identityKey("laptop")] });
  expect(pin(revoked, nextState(revoked, { revoked: [] })).kind).toBe("invalid");
  expect(pin(revoked, nextState(revoked, { epoch: 9, devices: SOME_STATE.devices, revoked: [] })).kind).toBe("invalid");
  expect(pin(revoked, masterState(DAY)).kind).toBe("pinned");
});

test("the state of another identity is never pinned", () => {
  const stranger = signingKey(Buffer.alloc(32, 99));
  const state = { ...masterState(DAY).state, masterPublicKey: stranger.publicKey };
  expect(pin(FIRST, signAccountState(state, stranger)).kind).toBe("invalid");
});

/** What a contact sees in its life: K's states under two certificates, forks among them, and M's. */
const HISTORY: SignedAccountState[] = [FIRST, SECOND, THIRD, nextState(FIRST, { relays: ["fork"] }), RECOVERY];
for (const relays of [["a"], ["b"]])
  HISTORY.push(signAccountState({ ...RECOVERY.state, epoch: 2, prevHash: RECOVERY.hash, relays }, OTHER_ADMIN));
HISTORY.push(masterState(2 * DAY), nextState(THIRD, { epoch: 77 }));

test("in whatever order states come, and however often, a pin never goes back", () => {
  const rank = ({ state, signer }: SignedAccountState): number[] => [
    state.certificate.issuedAt,
    state.epoch,
    signer === "master" ? 1 : 0,
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...HISTORY), { maxLength: 30 }), (incoming) => {
      let pinned: SignedAccountState | undefined;
      const dropped = new Set<SignedAccountState>();
      for (const signed of incoming) {
        const { kind } = pin(pinned, signed);
        if (kind !== "pinned") continue;
        if (pinned !== undefined) {
          dropped.add(pinned);
          expect(compare(rank(signed), rank(pinned))).toBeGreaterThan(0);
        }
        expect(dropped.has(signed)).toBe(false);
        pinned = signed;
      }
    }),
  );
});

test("without forks, every order that ends with all states seen pins the same one", () => {
  const line = [FIRST, SECOND, THIRD, RECOVERY];
  fc.assert(
    fc.property(fc.shuffledSubarray(line, { minLength: line.length }), (incoming) => {
      let pinned: SignedAccountState | undefined;
      for (const signed of incoming) if (pin(pinned, signed).kind === "pinned") pinned = signed;
      expect(pinned).toBe(RECOVERY);
    }),
  );
});

function compare(a: readonly number[], b: readonly number[]): number {
  for (const [index, value] of a.entries()) if (value !== b[index]) return value - (b[index] ?? 0);
  return 0;
}

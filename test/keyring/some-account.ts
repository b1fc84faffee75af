import { type AccountState, type SignedAccountState, signAccountState } from "../../keyring/account-state.ts";
import { issueCertificate } from "../../keyring/admin-certificate.ts";
import { signingKey } from "../../keyring/ed25519.ts";
import { identityKey } from "./fixed-random.ts";
import { NOW } from "./some-vault.ts";

export const DAY = 24 * 3_600_000;
export const MASTER = signingKey(Buffer.alloc(32, 1));
export const ADMIN = signingKey(Buffer.alloc(32, 2));
export const OTHER_ADMIN = signingKey(Buffer.alloc(32, 3));
export const CERTIFICATE = issueCertificate(MASTER, ADMIN.publicKey, NOW, NOW + 365 * DAY);

export const SOME_STATE: AccountState = {
  masterPublicKey: MASTER.publicKey,
  epoch: 1,
  prevHash: Buffer.alloc(32),
  certificate: CERTIFICATE,
  devices: [{ deviceId: 1, registrationId: 4711, identityKey: identityKey("laptop") }],
  revoked: [],
  relays: ["postern-relay://relay.example:5443#pin"],
};

/** Signed by K. */
export function someState(changes: Partial<AccountState> = {}): SignedAccountState {
  return signAccountState({ ...SOME_STATE, ...changes }, ADMIN);
}

/** The state that follows, signed by K. */
export function nextState(signed: SignedAccountState, changes: Partial<AccountState> = {}): SignedAccountState {
  return someState({ ...signed.state, epoch: signed.state.epoch + 1, prevHash: signed.hash, ...changes });
}

/** A state by M, with a certificate issued that long after the first. */
export function masterState(delay: number, changes: Partial<AccountState> = {}): SignedAccountState {
  const certificate = issueCertificate(MASTER, OTHER_ADMIN.publicKey, NOW + delay, NOW + delay + 365 * DAY);
  return signAccountState({ ...SOME_STATE, certificate, ...changes }, MASTER);
}

import type { AccountState, SignedAccountState } from "./account-state.ts";

export type PinOutcome =
  /** The incoming state is newer: keep it. */
  | { readonly kind: "pinned" }
  | { readonly kind: "unchanged" }
  /** Older than what is pinned; ignore it. */
  | { readonly kind: "rollback" }
  /** Two different states claim one place: somebody else holds the admin key, or somebody shows different people different things. */
  | { readonly kind: "fork" }
  | { readonly kind: "invalid"; readonly why: string };

/**
 * Compares an incoming state with the pinned one; changes nothing.
 *
 * States are ordered by when M issued their certificate, then by epoch, then M above K. M never signs without issuing
 * a new certificate, so its word beats K's at any epoch, and yet M's own old states cannot be replayed against newer ones.
 */
export function pin(pinned: SignedAccountState | undefined, incoming: SignedAccountState): PinOutcome {
  if (pinned === undefined) return { kind: "pinned" };
  if (!pinned.state.masterPublicKey.equals(incoming.state.masterPublicKey))
    return { kind: "invalid", why: "the state of another identity" };
  const order = compareRank(incoming, pinned);
  if (order < 0) return { kind: "rollback" };
  if (order === 0) return { kind: incoming.hash.equals(pinned.hash) ? "unchanged" : "fork" };
  if (incoming.signer === "master" || !sameCertificate(pinned.state, incoming.state)) return { kind: "pinned" };
  if (incoming.state.epoch === pinned.state.epoch + 1 && !incoming.state.prevHash.equals(pinned.hash))
    return { kind: "fork" };
  if (!pinned.state.revoked.every((key) => incoming.state.revoked.some((other) => other.equals(key))))
    return { kind: "invalid", why: "a revocation was taken back without the master key" };
  return { kind: "pinned" };
}

/** Negative if a comes before b, zero if both claim one place. */
function compareRank(a: SignedAccountState, b: SignedAccountState): number {
  return (
    a.state.certificate.issuedAt - b.state.certificate.issuedAt ||
    a.state.epoch - b.state.epoch ||
    Number(a.signer === "master") - Number(b.signer === "master")
  );
}

function sameCertificate(a: AccountState, b: AccountState): boolean {
  return a.certificate.issuedAt === b.certificate.issuedAt;
}

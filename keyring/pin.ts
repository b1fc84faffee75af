import type { SignedAccountState } from "./account-state.ts";

export type PinOutcome =
  /** The incoming state is newer: keep it. */
  | { readonly kind: "pinned" }
  | { readonly kind: "unchanged" }
  /** Older than what is pinned; ignore it. */
  | { readonly kind: "rollback" }
  /** Two different states claim one place: somebody else holds the admin key, or a relay shows different people different things. */
  | { readonly kind: "fork" }
  | { readonly kind: "invalid"; readonly why: string };

/** Compares an incoming state with the pinned one; changes nothing. */
export function pin(_pinned: SignedAccountState | undefined, _incoming: SignedAccountState): PinOutcome {
  throw new Error("not written");
}

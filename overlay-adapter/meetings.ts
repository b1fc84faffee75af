import type { RelayAddress } from "../relay/relay-url.ts";

/** A spoken code that is not done with. */
export interface PendingCode {
  readonly id: string;
  /** `maker`: it was made here, and is to be said to the other one; `taker`: the other one has said it. */
  readonly role: "maker" | "taker";
  /** As in `7-guitar-lemon-orbit`. */
  readonly code: string;
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** `open`: waits for the other one; `claiming`, `answering`: waits for the relay; `answered`: for the other one's bridge. */
  readonly state: string;
  /** Where the two meet: `postern-relay://...`, without a token. */
  readonly relay: string;
}

/** The ways to become contacts that take more than one message, beside invites. What is begun goes on by itself, over restarts. */
export interface Meetings {
  /** Makes a code to be said to somebody. @throws Failure invalid, already-exists (petname), full, unavailable */
  makeCode(petname: string): Promise<PendingCode>;
  /**
   * Uses a code that was said; it has one try. `at` is the relay of whoever made it, the own one unless given. How it
   * ends is told by the event contact-added or pair-failed. @throws Failure invalid (mistyped), already-exists, full
   */
  takeCode(code: string, petname: string, at?: RelayAddress): PendingCode;
  codes(): readonly PendingCode[];
  /** A code by its id. @throws Failure nonexistent */
  cancel(id: string): void;
}

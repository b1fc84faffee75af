import type { AddressLabel } from "../../foundation/address.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";

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

/** Somebody whom a contact introduces. */
export interface PendingIntroduction {
  readonly id: string;
  readonly introducer: AddressLabel;
  readonly other: AddressLabel;
  /** What the introducer, or the user, calls them. */
  readonly name: string;
  /** They are recipients of the same letter. */
  readonly coRecipient: boolean;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** `offered`: waits for the user; what else: for the other side. */
  readonly state: string;
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
  /**
   * Offers two contacts to each other; joins the caller's transaction. Recipients of one letter are offered once, ever,
   * and without what the user calls them.
   * @throws Failure nonexistent, invalid, forbidden
   */
  introduce(one: AddressLabel, other: AddressLabel, coRecipient?: boolean): void;
  introductions(): readonly PendingIntroduction[];
  /** Under the introducer's name for them unless another is given. @throws Failure nonexistent, invalid, already-exists */
  acceptIntroduction(id: string, petname?: string): void;
  /** Refuses it or gives it up; nobody is told. @throws Failure nonexistent */
  cancelIntroduction(id: string): void;
  /** What the one is called who introduced this contact; undefined where nobody did. */
  introducer(label: AddressLabel): string | undefined;
}

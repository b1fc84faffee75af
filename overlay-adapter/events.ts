import type { AddressLabel } from "../foundation/address.ts";
import type { Progress } from "./letters/letter-progress.ts";
import type { Gap } from "./letters/missing-letters.ts";

/** Why a letter will never reach this recipient. */
export type LetterFailure =
  /** The contact's queue is gone from its relay, or its key no longer fits. */
  | "gone"
  /** The relay could not be reached, or had no room, for as long as a letter waits. */
  | "expired"
  /** The contact was revoked or frozen, or is no contact any more. */
  | "refused"
  /** There is no session with any of the contact's devices. */
  | "no-session"
  /** The contact could not open it, and its content is no longer kept to be sent again. */
  | "lost"
  /** This installation was revoked or replaced by another: it sends nothing any more. */
  | "superseded"
  /** A relay took it, more than once if need be, but no device of the contact has acknowledged it in all this time. */
  | "unconfirmed";

/** Why a letter waits. */
export type WaitReason =
  /** The contact's relay cannot be reached. */
  | "relay"
  /** The contact's queue is full. */
  | "room"
  /** The contact has not taken the letters before it. */
  | "receipts"
  /** The contact has not answered the session yet. */
  | "session";

/** Why a cell was dropped. */
export type DropReason =
  /** It does not open under the queue's key, or its inside is not what it should be. */
  | "damaged"
  /** No slot opens with this device's sessions. */
  | "undecryptable"
  /** Its content is not what its sealed header promises. */
  | "altered"
  /** It was received before: a sender's retry, or a replay. */
  | "duplicate"
  /** Its key was used before by another letter: its sender runs on an older copy of its home, or on two. */
  | "reused"
  /** A cell of a letter whose rest never came. */
  | "incomplete"
  /** It is for newer devices of the own identity, of which this one is none: it is not dropped, but left at the relay. */
  | "elsewhere"
  /** Somebody that this bridge does not expect, or whose keys are not those that were pinned. */
  | "stranger";

/**
 * What the overlay tells the bridge, after it is durable. None of it is a secret, but labels do not belong into logs.
 * Those that `TOLD` lists are told again at every start until `settle` confirms that the user was told, or need not be.
 */
export type OverlayEvent =
  /** A recipient's relay has all cells of the letter on its disk. */
  | { readonly kind: "relayed"; readonly letter: Buffer; readonly to: AddressLabel }
  /** Told again at every start until `settleProgress` confirms that the sender was told, or need not be. */
  | {
      readonly kind: "progress";
      readonly letter: Buffer;
      readonly to: AddressLabel;
      readonly progress: Progress;
      /** Milliseconds since 1970. */
      readonly at: number;
      /** Of a delayed letter, if it is known. */
      readonly reason?: WaitReason;
    }
  /** Told again at every start until `settleFailure` confirms that the sender was told. */
  | { readonly kind: "failed"; readonly letter: Buffer; readonly to: AddressLabel; readonly reason: LetterFailure }
  /** An invite was taken up: the contact is there. */
  | { readonly kind: "contact-added"; readonly contact: AddressLabel; readonly invite: string }
  /** Somebody wants to use an invite that asks: `approveInvite` or `cancelInvite` decides. */
  | { readonly kind: "invite-asks"; readonly invite: string; readonly contact: AddressLabel }
  /** Somebody else tried to use an invite after it had made a contact: perhaps the contact is not who was meant. */
  | { readonly kind: "invite-used-twice"; readonly invite: string; readonly contact: AddressLabel }
  /** The contact says so of the invite that the two met by. */
  | { readonly kind: "invite-alarm"; readonly contact: AddressLabel }
  /** A spoken code is dead, and nobody became a contact by it; the text is for a person. */
  | { readonly kind: "pair-failed"; readonly pair: string; readonly name: string; readonly text: string }
  /** A contact introduces somebody: `acceptIntroduction` or `cancelIntroduction` decides. */
  | {
      readonly kind: "introduction-offered";
      readonly introduction: string;
      readonly introducer: AddressLabel;
      readonly other: AddressLabel;
      readonly name: string;
      readonly coRecipient: boolean;
    }
  /** What came through the introducer was not made by whom it names. */
  | { readonly kind: "introduction-failed"; readonly introducer: AddressLabel; readonly name: string }
  /** The contact showed another number for the safety phrase than it was bound to; it is frozen. */
  | { readonly kind: "phrase-broken"; readonly contact: AddressLabel }
  /** The inviter has confirmed: letters flow both ways. */
  | { readonly kind: "contact-confirmed"; readonly contact: AddressLabel }
  /** Two people tried to use one invite; it is dead, and whoever has the link may be somebody else than meant. */
  | { readonly kind: "invite-burned"; readonly invite: string }
  | { readonly kind: "invite-expired"; readonly invite: string }
  /** An invite that was being accepted cannot be any more; the text is for a person. */
  | { readonly kind: "join-failed"; readonly invite: string; readonly text: string }
  | {
      readonly kind: "cells-dropped";
      readonly from: AddressLabel | undefined;
      readonly reason: DropReason;
      readonly count: number;
    }
  /** Letters have not come, though later ones did. Told again until `settleGap` confirms that the user was told. */
  | ({ readonly kind: "gap" } & Gap)
  /** Two account states of the contact's claim one place: nothing is sent or read until the user decides. */
  | { readonly kind: "contact-frozen"; readonly contact: AddressLabel }
  /** This home became a new device, because it is an older copy of itself, or was asked to; contacts are told by themselves. */
  | { readonly kind: "device-replaced"; readonly why: "behind" | "asked"; readonly invitesWithdrawn: number }
  /** This home is an older copy of itself, and its admin key holds no more: only the paper key can make it a device. */
  | { readonly kind: "paper-needed" }
  /** Letters in this device's name were sent that it did not send: a copy of the home runs elsewhere. */
  | { readonly kind: "copy-running" }
  /** Another installation has revoked or replaced this one. */
  | { readonly kind: "superseded" }
  /** Somebody else who holds the admin key or the paper key changed the list of devices. */
  | { readonly kind: "devices-changed" }
  /** Two own account states claim one place: somebody else holds the admin key. */
  | { readonly kind: "own-fork" }
  /** A connection to a relay came to stand or broke. */
  | { readonly kind: "relay"; readonly host: string; readonly port: number; readonly connected: boolean };

/** What happens once and asks something of the user, or warns of somebody. */
const TOLD = [
  "contact-added",
  "invite-asks",
  "invite-used-twice",
  "invite-alarm",
  "invite-burned",
  "join-failed",
  "pair-failed",
  "introduction-offered",
  "introduction-failed",
  "phrase-broken",
  "contact-frozen",
  "device-replaced",
  "paper-needed",
  "copy-running",
  "superseded",
  "devices-changed",
  "own-fork",
] as const satisfies readonly OverlayEvent["kind"][];

/** Holds texts, numbers and truths alone, so that JSON keeps it. */
export type ToldEvent = Extract<OverlayEvent, { kind: (typeof TOLD)[number] }>;

const TO_BE_TOLD: ReadonlySet<OverlayEvent["kind"]> = new Set(TOLD);

export function isToBeTold(event: OverlayEvent): event is ToldEvent {
  return TO_BE_TOLD.has(event.kind);
}

import type { AddressLabel } from "../foundation/address.ts";
import type { AccountDevice, SignedAccountState } from "../keyring/account-state.ts";
import type { PinOutcome } from "../keyring/pin.ts";

/** The part of the own identity that the overlay needs; keyring/identity.ts fits. */
export interface OverlayIdentity {
  readonly label: AddressLabel;
  /** The own account state, newest. */
  accountState(): SignedAccountState;
  /** By the admin key; 64 bytes. */
  signWithAdmin(context: string, message: Uint8Array): Buffer;
  /** Takes a newer state that another installation made. */
  adopt(bytes: Uint8Array, now: number): PinOutcome;
  /** False where somebody else has rotated the admin key. */
  holdsAdminKey(): boolean;
  /** The highest that any device had, as far as is known here. */
  readonly highestDeviceId: number;
  /** For a new device. */
  nextDeviceId(): number;
  /** The next account state, with this device in place of the one before. */
  replaceDevice(device: AccountDevice): SignedAccountState;
}

/** A letter as it comes out of the ratchet: who sent it is proved. */
export interface ReceivedLetter {
  readonly from: AddressLabel;
  readonly deviceId: number;
  /** 16 bytes; the same for all recipients of the letter. */
  readonly id: Buffer;
  /** When its first cell was opened here; milliseconds since 1970. */
  readonly receivedAt: number;
  /** Octets of the content. */
  readonly size: number;
  /** The whole content, where it is small; else it throws LetterAborted where it turns out to be altered or incomplete: what was staged is to be discarded. */
  readonly content: Buffer | AsyncIterable<Uint8Array>;
}

/** Takes the letters; declared by the overlay, fulfilled by the bridge. */
export interface LetterReceiver {
  /**
   * Stages the letter durably, and returns what makes it visible: it is run, synchronously, inside the transaction that
   * also records the ratchet's step. A letter can be handed in again if the transaction never came about; whatever was
   * staged for it before is to be discarded. Rejecting means: not now; the relay keeps the letter and it comes again.
   */
  receive(letter: ReceivedLetter): Promise<() => void>;
}

/** The content of a letter that is being received cannot be completed; nothing of it may become visible. */
export class LetterAborted extends Error {
  override name = "LetterAborted";
}

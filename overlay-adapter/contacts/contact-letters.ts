import type { AddressLabel } from "../../foundation/address.ts";
import { decodeBase32, encodeBase32 } from "../../foundation/base32.ts";
import { ByteReader, ByteWriter } from "../../foundation/bytes.ts";

export const INTRODUCTION_ID_SIZE = 16;

/**
 * What bridges say to each other about how contacts come about, in letters of the kind `control` (control.ts passes
 * over what is here):
 *
 *     contact-letter = %x10                                        ; invite-alarm: somebody else has tried to use the invite
 *                    / %x11 id label co-recipient vector16         ; introduction-offer: what the other one is called
 *                    / %x12 id ephemeral signature vector16        ; introduction-answer: account state
 *                    / %x13 id vector16                            ; introduction-bundle: nonce and sealed bundle
 *
 * id 16 octets, label and ephemeral 32, signature 64, co-recipient 0 or 1.
 */
export type ContactLetter =
  | { readonly kind: "invite-alarm" }
  | {
      readonly kind: "introduction-offer";
      readonly id: Buffer;
      /** Whom the introducer speaks of. */
      readonly other: AddressLabel;
      readonly coRecipient: boolean;
      /** What the introducer calls them. */
      readonly name: string;
    }
  | IntroductionAnswer
  | { readonly kind: "introduction-bundle"; readonly id: Buffer; readonly sealed: Buffer };

export interface IntroductionAnswer {
  readonly kind: "introduction-answer";
  readonly id: Buffer;
  /** X25519 public key, for this introduction alone. */
  readonly ephemeral: Buffer;
  /** By the admin key of the account state. */
  readonly signature: Buffer;
  readonly accountState: Buffer;
}

export function encodeContactLetter(letter: ContactLetter): Buffer {
  const to = new ByteWriter();
  switch (letter.kind) {
    case "invite-alarm":
      return to.u8(0x10).bytes();
    case "introduction-offer":
      return to
        .u8(0x11)
        .raw(letter.id)
        .raw(labelBytes(letter.other))
        .u8(letter.coRecipient ? 1 : 0)
        .text16(letter.name)
        .bytes();
    case "introduction-answer":
      return to
        .u8(0x12)
        .raw(letter.id)
        .raw(letter.ephemeral)
        .raw(letter.signature)
        .vector16(letter.accountState)
        .bytes();
    case "introduction-bundle":
      return to.u8(0x13).raw(letter.id).vector16(letter.sealed).bytes();
  }
}

/** undefined for a letter that is about something else. @throws DecodeError */
export function decodeContactLetter(bytes: Uint8Array): ContactLetter | undefined {
  const from = new ByteReader(bytes);
  const id = () => Buffer.from(from.raw(INTRODUCTION_ID_SIZE));
  switch (from.u8()) {
    case 0x10:
      return { kind: "invite-alarm" };
    case 0x11:
      return {
        kind: "introduction-offer",
        id: id(),
        other: encodeBase32(from.raw(32)) as AddressLabel,
        coRecipient: from.u8() === 1,
        name: from.text16(),
      };
    case 0x12:
      return {
        kind: "introduction-answer",
        id: id(),
        ephemeral: Buffer.from(from.raw(32)),
        signature: Buffer.from(from.raw(64)),
        accountState: Buffer.from(from.vector16()),
      };
    case 0x13:
      return { kind: "introduction-bundle", id: id(), sealed: Buffer.from(from.vector16()) };
    default:
      return undefined;
  }
}

/** The 32 bytes that a label spells. */
export function labelBytes(label: AddressLabel): Buffer {
  const bytes = decodeBase32(label);
  if (bytes === undefined) throw new Error("a label that is no base32");
  return Buffer.from(bytes);
}

import { ByteReader, ByteWriter } from "../foundation/bytes.ts";

/**
 * What bridges say to each other about how contacts come about, in letters of the kind `control` (control.ts passes
 * over what is here):
 *
 *     contact-letter = %x10      ; invite-alarm: somebody else has tried to use the invite that the two met by
 */
export type ContactLetter = { readonly kind: "invite-alarm" };

export function encodeContactLetter(letter: ContactLetter): Buffer {
  switch (letter.kind) {
    case "invite-alarm":
      return new ByteWriter().u8(0x10).bytes();
  }
}

/** undefined for a letter that is about something else. @throws DecodeError */
export function decodeContactLetter(bytes: Uint8Array): ContactLetter | undefined {
  const reader = new ByteReader(bytes);
  switch (reader.u8()) {
    case 0x10:
      return { kind: "invite-alarm" };
    default:
      return undefined;
  }
}

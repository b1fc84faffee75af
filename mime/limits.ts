/** Bounds on what one message may make the parser keep. Beyond them nothing is refused: the rest is taken as plain body. */
export interface MimeLimits {
  /** Octets of the message's own header; what follows is body. Real headers stay below 100 KB. */
  readonly headerOctets: number;
  /** Octets of the header of any part inside. */
  readonly partHeaderOctets: number;
  /** Octets of all headers together, so that what the index keeps of a message stays small; past it no part begins. */
  readonly allHeaderOctets: number;
  /** Levels of multipart and message/rfc822; a deeper one is a leaf. Every reader of the tree recurses. */
  readonly depth: number;
  /** Parts in all; the last one takes the rest. Dovecot draws the same line. */
  readonly parts: number;
}

export const MIME_LIMITS: MimeLimits = {
  headerOctets: 1_048_576,
  partHeaderOctets: 65_536,
  allHeaderOctets: 4_194_304,
  depth: 100,
  parts: 10_000,
};

/** Parameters that are kept of one field: RFC 2231 splits a long name into a few dozen at most. */
export const MAX_PARAMETERS = 100;

/** Octets kept of a content field's text, so that a part costs the index little. */
export const MAX_FIELD_TEXT = 4_096;

/** Octets of an address list that are read: some thousands of recipients, in a fraction of a second. */
export const MAX_ADDRESS_TEXT = 262_144;

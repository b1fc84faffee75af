/** Octets of a message's top header, both ways; what lies beyond is refused. Real headers stay below 100 KB. */
export const HEADER_MAX = 1_048_576;

/** Fields of a received header that are looked at: nobody needs more, and each costs a little on its way. */
export const FIELDS_MAX = 1_000;

/** Octets that one segment of the body stands for, so that neither side holds more. */
export const SEGMENT_MAX = 65_536;

/** Octets of base64 text that one segment stands for: 48 KiB of binary. */
export const RUN_TEXT_MAX = 65_536;

/** Longest line that may travel as binary: RFC 5322 section 2.1.1 without the line end, rounded down to groups of four. */
export const LINE_LENGTH_MAX = 996;

/** Octets of base64 text from which a run is worth a segment of its own. */
export const RUN_TEXT_MIN = 256;

/** Octets of a field name that is kept under another name (RFC 5322 section 2.1.1 counts the whole line). */
export const FIELD_NAME_MAX = 64;

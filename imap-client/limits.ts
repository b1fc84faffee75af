/** Octets of a letter that come with its flags and date; longer ones are fetched in pieces after the others. */
export const FIRST_PIECE = 256 * 1024;

/** Octets of a long letter that are asked for at a time. */
export const PIECE = 1024 * 1024;

/** Largest literal that a server may send: nothing larger is ever asked for, and it lies in memory whole. */
export const MAX_LITERAL = 2 * PIECE;

/** Octets of one line: the UIDs of a folder come in one where the server has no ESEARCH, nine octets each. */
export const MAX_LINE = 16 * 1024 * 1024;

/** Octets of one response: a line, or a few literals. */
export const MAX_RESPONSE = MAX_LINE + MAX_LITERAL;

/** Tokens of one response, some 100 octets of memory each; the longest that is asked for lists a letter's flags. */
export const MAX_TOKENS = 20_000;

/** Letters of one folder; a server could claim any number, and each is remembered. */
export const MAX_LETTERS = 2_000_000;

/** Bounds on what a letter to the bridge itself may cost. */

/** Octets of a letter that are looked at: a forwarded letter with its pictures; what is behind is not a command. */
export const COMMAND_LETTER_MAX = 1_048_576;
/** Characters of its texts that are searched for an invite. */
export const COMMAND_TEXT_MAX = 262_144;
/** Places in a letter that begin like an invite's link and are tried. */
export const LINKS_TRIED = 32;
/** Pieces into which quoting and wrapping may have cut a link: it has 170 to 420 characters, a line of mail 60 or more. */
export const LINK_PIECES = 24;
/** Lines of one's own words in which a command may stand. */
export const COMMAND_LINES = 5;
/** Commands that wait for their answer: nobody types more, a script that runs wild does. */
export const COMMANDS_WAITING = 64;
/** SMTP clients try again for four or five days (RFC 5321 section 4.5.4.1); milliseconds. */
export const COMMAND_MEMORY = 30 * 24 * 3_600_000;
/** How long a question waits for its yes; milliseconds. */
export const CONFIRMATION_LIFETIME = 24 * 3_600_000;
/** How long an answer waits for the relay, or for somebody's bridge, before it says that the rest happens later; milliseconds. */
export const ANSWER_PATIENCE = 15_000;

/** Bounds of the relay client. Times in milliseconds. */

/** Commands under way on one connection: what a relay takes before it stops reading. At 16 KiB each, 4 MiB. */
export const MAX_UNANSWERED = 256;

/** Silence after which a PING goes out: a fifth of what relays tolerate, and less than most NAT entries live. */
export const PING_INTERVAL = 60_000;

/** First pause before reconnecting; each failure doubles it. A relay that restarts is back at once. */
export const FIRST_PAUSE = 500;

/** Longest pause: mail should not wait much longer than this for a network that is back. */
export const LAST_PAUSE = 60_000;

/** A request made while reconnection pauses tries at once, unless the last try failed less than this ago. */
export const RETRY_PAUSE = 1_000;

/** Pause before a command that the relay answered with RETRY is repeated by the client itself. */
export const REFUSED_PAUSE = 5_000;

/** A connection for one queue alone ends when nothing was asked on it for so long; the next letter opens another. */
export const IDLE_LIFETIME = 10 * 60_000;

/** Octets of a blob after which the relay is asked to put them on its disk: what a crash repeats. */
export const BLOB_STEP = 8 * 1_048_576;

/** Parts of a blob that are asked for at a time, of a megabyte each: so much of it is in memory. */
export const BLOB_READS = 3;

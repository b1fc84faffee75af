/** Bounds of the device's keys, each with its reason. Milliseconds. */

const DAY = 24 * 3_600_000;
/** A signed prekey serves new bundles for so long: Signal's clients change it every few days to weeks; ours are seen by contacts only. */
export const SIGNED_PREKEY_ROTATION = 30 * DAY;
/** Then it is kept for first messages that are under way: an invite lives 30 days and a cell 21 at most. */
export const SIGNED_PREKEY_LIFETIME = SIGNED_PREKEY_ROTATION + 60 * DAY;
/**
 * Messages of one chain whose keys may be derived for a single message. Honest senders have 1,000 letters unacknowledged,
 * and begin a chain with each answer; libsignal would go on for 25,000, again and again, and forget all but 2,000 keys.
 */
export const CHAIN_LENGTH_MAX = 3000;

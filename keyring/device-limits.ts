/** Bounds of the device's keys, each with its reason. Milliseconds. */

const DAY = 24 * 3_600_000;
/** A signed prekey serves new bundles for so long: Signal's clients change it every few days to weeks; ours are seen by contacts only. */
export const SIGNED_PREKEY_ROTATION = 30 * DAY;
/** Then it is kept for first messages that are under way: an invite lives 30 days and a cell 21 at most. */
export const SIGNED_PREKEY_LIFETIME = SIGNED_PREKEY_ROTATION + 60 * DAY;

/** Bounds of the recovery record, each with its reason. Times in milliseconds. */

/** Cells of one slot: 8 MiB, room for some 8,000 contacts; a relay keeps 10,000 slots in all. */
export const RECORD_CELLS_MAX = 512;
/** Contacts that a record may name: as many as fit in that room at the least that one takes. */
export const RECORD_CONTACTS_MAX = 32_768;
/** Queues of one contact's in it: two, while one follows the other, and one more after a theft. */
export const RECORD_QUEUES_MAX = 16;

const DAY = 24 * 3_600_000;
/** Relays keep a slot for a year at most, by their own clock. */
export const RECORD_LIFETIME = 300 * DAY;
/** Both slots are written within twice this, so that neither comes near its end while the bridge runs now and then. */
export const RECORD_REFRESH = 30 * DAY;
/** A relay lets a token make 1,000 queues and slots in an hour; a record of more than one cell takes half of them at most. */
export const RECORD_PAUSE_PER_CELL = 10_000;

/** Bounds of bundles that are carried by hand. Sizes in octets, times in milliseconds. */

/** Cells in one bundle, its header included: 16 MB, which is read whole, so that a damaged file is noticed before it is used. */
export const BUNDLE_CELLS = 1_024;
/** A bundle is filled up with random cells to a multiple of this: one letter, sixteen, or a receipt look alike. */
export const PADDED_CELLS = 16;
/** Files in a folder that are looked at: each costs a trial with every key. */
export const FILES_MAX = 10_000;
/** Cells of one contact that wait for its receipt, as many as a relay's queue holds: 64 MB. Past it, sending waits. */
export const WAITING_MAX = 4_096;
/** Ranges of numbers in one receipt; what is above comes with the next one. */
export const RANGES_MAX = 900;
/** Without any progress for so long, an import ends: what is left waits for cells that are not in the folder. */
export const QUIET = 3_000;
/** Numbers of carried cells are told from a relay's by this much. A relay's are counted from 1 and never get there. */
export const NUMBER_BASE = 2 ** 50;

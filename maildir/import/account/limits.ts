/** Messages asked for by one command: enough that a slow network does not count, few enough for any server's line length. */
export const FETCH_BATCH = 400;

/** Folders of one account: more than any person has, fewer than an answer could claim. */
export const MAX_FOLDERS = 10_000;

/** Milliseconds before each further attempt to connect; after the last one the import gives up, to be run again. */
export const RETRY_DELAYS: readonly number[] = [500, 1_000, 2_000, 5_000, 10_000, 20_000, 30_000];

/** Times that a message by itself is asked for before it is left out. */
export const MESSAGE_ATTEMPTS = 2;

/** Messages left out one after the other until the folder is given up: the server cannot read it. */
export const MAX_LOST_IN_A_ROW = 20;

/** Milliseconds until a connection has to stand. */
export const CONNECT_PATIENCE = 30_000;

/** Milliseconds of silence until a connection is given up. */
export const SILENCE_PATIENCE = 120_000;

/** Octets of the server's own words that are shown. */
export const MAX_SHOWN_TEXT = 200;

/** Bounds of letters that travel as blobs, each with its reason. Sizes in octets, times in milliseconds. */

import { BLOB_WRITE_MAX } from "../../relay/wire/blob.ts";

/** Contents from here on travel as blobs: smaller ones are as fast as cells, and say less. */
export const BLOB_LEAST = 250 * 1024;
/** Own relays that cannot be reached for so long are not waited for: the letter goes as cells, to the recipient's relay. */
export const UPLOAD_PATIENCE = 10 * 60_000;
/** Octets of a blob that are read and put to the relay at a time: what fills 16 blocks. */
export const BLOB_PIECE = 16 * BLOB_WRITE_MAX;
/** Blobs that are fetched at a time: each has some megabytes on their way, and a file. */
export const FETCHES = 2;
/** Times that a chunk which does not open is asked for before the try is over: a relay may have read it wrongly once. */
export const CHUNK_TRIES = 2;
/** Tries that end so before the sender is asked to send the letter another way. */
export const FETCH_TRIES = 3;
/** The same, where the relay cannot be reached. */
export const FETCH_PATIENCE = 6 * 3_600_000;
/** What was asked for and has not come in this time will not come: it is longer than letters are kept for being sent again. */
export const ASKED_KEPT = 24 * 24 * 3_600_000;

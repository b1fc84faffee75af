import { CELL_SIZE } from "../relay/wire/cell.ts";

/** Bounds of the overlay client, each with its reason. Sizes in octets, times in milliseconds. */

/** A cell's inside, once nonce and tag of its seal are off. */
export const INNER_SIZE = CELL_SIZE - 12 - 16;
/** A first ratchet message over a letter's header takes 1,937 octets (PQXDH, measured); later ones 249 to 282. */
export const SLOT_SIZE = 2032;
/** Slots in a letter's first cell. A contact with more devices gets cells of slots before it. */
export const FIRST_CELL_SLOTS = 2;
/** Cells of slots hold as many as fit. */
export const SLOTS_PER_CELL = 7;
/** libsignal's bound on the devices of one contact. */
export const DEVICES_MAX = 127;

/** The relay's quota per queue is 4,096 cells, and a letter must be there whole before it is acknowledged. */
export const LETTER_CELLS_MAX = 2048;
/** Up to here a letter's content waits in the database, which is one fsync; above it gets a file of its own. */
export const INLINE_MAX = 65_536;
/** Small letters just enqueued that are kept in memory until they are sent: some hundreds. Beyond, they are read again. */
export const FRESH_OCTETS = 4 * 1024 * 1024;
/** Letters that share one step of the ratchet's transaction: more gain little, and a failure repeats them all. */
export const BATCH_LETTERS = 64;
/** Letters up to so many cells are gathered in memory and stored in batches; larger ones are streamed. */
export const GATHERED_CELLS = 8;
/** Cells after which it is written down how far a letter has come: a crash repeats no more. 4 MB. */
export const STEP_CELLS = 256;
/** Letters of one queue that may be incomplete at a time: a sender has one under way, and one more after a refusal. */
export const PARTIAL_LETTERS = 4;
/** Cells that may be on their way to us per queue: two batches of one-cell letters, 2 MB. */
export const QUEUE_CREDIT = 128;
/** Cells that one contact's letters may have unanswered at the relay. */
export const CONTACT_WINDOW = 64;
/** And all contacts together: 4 MB. */
export const TOTAL_WINDOW = 256;
/** Own queues that are remembered as they were read, some 500 octets each. */
export const CACHED_QUEUES_MAX = 1_000;
/** Tags of letters done with, to tell a late duplicate from a stray cell. */
export const RECENT_TAGS = 256;
/** Letters that may be missing in one device's chain and still be noted one by one; libsignal forgets keys past 2,000. */
export const MISSING_MAX = 2000;
/** A letter that a relay refused comes again within minutes; one that does not in this time is told as missing. */
export const MISSING_GRACE = 3_600_000;

const DAY = 24 * 3_600_000;
/** RFC 5321 section 4.5.4.1: give up after four or five days. */
export const WAIT_LIMIT = 5 * DAY;
/** A partial letter whose sender has given up is dropped. */
export const PARTIAL_LIFETIME = WAIT_LIMIT + DAY;
/** Cells live 21 days at the relay; nobody replays what is older than this without being the relay itself. */
export const LEDGER_LIFETIME = 90 * DAY;
/** What was relayed is shown in the status for so long. */
export const RELAYED_KEPT = DAY;
/** Failed letters, once the sender was told. */
export const FAILED_KEPT = 30 * DAY;
/** Rows that the status lists. */
export const STATUS_ROWS = 1000;
/** An invite is meant to be used soon; the prekeys in it must still be there. */
export const INVITE_LIFETIME_MAX = 30 * DAY;
/** Whoever claimed an invite in time may say hello so long after its end. */
export const INVITE_GRACE = 2 * DAY;
/** Long enough for two who are seldom online together; the nameplate is free again afterwards. */
export const PAIR_LIFETIME = 5 * DAY;
/** Spoken codes of one bridge at a time: nobody remembers more. */
export const PAIRS_MAX = 16;
/** Nameplates that may be taken before making a code is given up; the range grows meanwhile. */
export const NAMEPLATE_TRIES = 12;
/** As long as cells live at the relay: who was away for longer would not have seen the offer. */
export const INTRODUCTION_LIFETIME = 21 * DAY;
/** Offers of one introducer that wait for the user: more is no introduction, but noise. */
export const INTRODUCTIONS_MAX = 64;
/** Open invites of one bridge: each is a queue and 16 KB at the relay. */
export const INVITES_MAX = 256;
/** How often open invites are looked after, and what is old is removed. */
export const SWEEP_INTERVAL = 10 * 60_000;
/** Pauses between tries: from a second to five minutes, with jitter. */
export const RETRY_FIRST = 1000;
export const RETRY_LONGEST = 5 * 60_000;
/** How long closing waits for relays that do not answer. */
export const CLOSING_GRACE = 1000;
/** Times that a letter may fail to be stored for no known reason before the ones behind it go first. */
export const STORE_TRIES = 3;
/** Characters of an invite's link that are looked at. */
export const LINK_MAX = 1024;
/** Letters of one device that did not open and are asked for again in one renewal: 4 KB of its cell. */
export const RENEWAL_TAGS_MAX = 256;
/** The next renewal to a contact comes so long after the last one, unless there is something new to say. */
export const RENEWAL_PAUSE = SWEEP_INTERVAL;
/** Contents of relayed letters are kept so long to be sent again: a cell lives 21 days at the relay, and some for the answer. */
export const RESEND_LIFETIME = 23 * DAY;
/** And up to so many octets of them in all; the oldest go first, and their senders are told if they are asked for. */
export const RESEND_SIZE = 256 * 1024 * 1024;
/** Which cells were one's own is known longer than contacts ask for any. */
export const SENT_TAGS_LIFETIME = 60 * DAY;
/** Letters that did not open are asked for while their sender has them. */
export const UNOPENED_LIFETIME = 22 * DAY;

/** Receipts are sent together, this long after the first of them at most, so that they do not tell when somebody is there. */
export const RECEIPT_DELAY = 10 * 60_000;
/** Where receipts are turned off, letters are still acknowledged, or their sender would keep and repeat them; so late that it tells little. */
export const ACKNOWLEDGEMENT_DELAY_LEAST = DAY;
export const ACKNOWLEDGEMENT_DELAY = 7 * DAY;
/** Receipts in one letter: so many fit into its first cell. */
export const RECEIPTS_MAX = 250;
/** Waiting receipts that are sent without further delay: the sender's window (below) must not close in the middle of a stream of letters. */
export const RECEIPTS_HURRY = 200;
export const ACKNOWLEDGEMENTS_HURRY = 500;
/** A letter that comes again although it was acknowledged is acknowledged again, but not for every copy. */
export const RECEIPT_PAUSE = DAY;
/** Letters to one device that may be unacknowledged: libsignal keeps 2,000 skipped keys. */
export const LETTER_WINDOW = 1000;
/** A relay deletes what nobody fetched in 21 days; the letter is sent again a little later. */
export const RESEND_AFTER = 21 * DAY + 3_600_000;
/** So does a hello, before the letters behind it: a queue that nobody greeted takes none. */
export const HELLO_AGAIN = 21 * DAY;
/** A letter that nobody acknowledged in this time has failed. Shorter than the ledger of those who receive, so that a repetition is known as one. */
export const UNRECEIPTED_LIFETIME = 80 * DAY;
/** Octets of letters that a relay has and nobody acknowledged yet; beyond them the oldest are not kept for sending again. */
export const UNRECEIPTED_KEPT = 2 ** 30;
/** libsignal ends a session that was never answered after 30 days; nothing is encrypted for it in its last five. */
export const SESSION_MARGIN = 5 * DAY;
/** What has not got further in this time is told to senders that asked for it. */
export const PROGRESS_TOLD_AFTER = 4 * 3_600_000;
/** A queue is followed by another after this at the earliest: longer than the overlap, so that there are never three. */
export const QUEUE_AGE_LEAST = 45 * DAY;
/** And after this at the latest. */
export const QUEUE_AGE_MOST = 90 * DAY;
/** So long the old queue is read after the new one came into use: a contact's home that was restored from a copy a month old still writes there. */
export const QUEUE_OVERLAP = 35 * DAY;
/** Sweeps with nothing on its way before an old queue is deleted. */
export const QUIET_SWEEPS = 3;
/** A relay that has not answered for so long, while another does, is taken as dead. */
export const RELAY_GIVEN_UP = 6 * 3_600_000;
/** A relay that could not be told of a queue's end for so long is not asked any more: longer than anybody is away. */
export const ENDING_GIVEN_UP = 60 * DAY;
/** That a copy of the home runs elsewhere is told once a day. */
export const COPY_PAUSE = DAY;

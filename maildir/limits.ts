/** Largest message in octets, where the caller sets no other bound: what large providers take, with room for base64. */
export const DEFAULT_APPEND_LIMIT = 64 * 1024 * 1024;

/** Octets of UTF-8 in one level of a mailbox's name: other Maildir programs keep levels as file names. */
export const MAX_LEVEL_OCTETS = 255;

/** Octets of UTF-8 in a whole name; keeps LIST answers and the sealed descriptions small. */
export const MAX_NAME_OCTETS = 1_000;

/** Mailboxes in all: LIST answers from memory, and every folder is looked at when the store opens. */
export const MAX_MAILBOXES = 10_000;

/** Subscribed names in all; they may name what does not exist, so the bound above does not hold them. */
export const MAX_SUBSCRIPTIONS = 20_000;

/** Keywords that one mailbox may ever have had: SELECT names them all. */
export const MAX_KEYWORDS = 1_000;

/** Annotations of one mailbox, or of the server; RFC 5464 section 4.1 asks for 10, programs have some each. */
export const MAX_ANNOTATIONS = 100;

/** Octets of one keyword. */
export const MAX_KEYWORD_OCTETS = 255;

/** MODSEQs after which the log of expunged messages is counted, which takes some milliseconds when it is long. */
export const EXPUNGE_LOG_INTERVAL = 256;

/** UIDs in the log of expunged messages of one mailbox; QRESYNC clients that were away for longer ask for all UIDs. */
export const MAX_EXPUNGE_LOG = 200_000;

/** Message ids of one References field that are looked up for the thread: the newest ones. */
export const MAX_THREAD_IDS = 64;

/** References of one message, the newest, that THREAD is told of. */
export const MAX_SORTED_REFERENCES = 100;

/** Contents of an earlier program for which what they are sorted by is made in one go, some 5 ms. */
export const SORTING_SLICE = 64;

/** Milliseconds between two such slices: 100,000 letters take less than a minute, and nobody notices. */
export const SORTING_PAUSE = 20;

/** Octets of what is kept for a front that are written in one go, some milliseconds. */
export const KEPT_PIECE = 256 * 1024;

/** Sealed files up to this size are read in one synchronous call, some 30 microseconds, instead of four through the thread pool. */
export const SMALL_FILE_SIZE = 80 * 1024;

/** Sealed octets that are collected before a write. */
export const WRITE_SIZE = 256 * 1024;

/** Ephemeral X25519 shares that are made in advance, some 0.25 ms each: a burst of letters finds them ready. */
export const PREPARED_KEYS = 64;

/** Rows that one query of a long listing fetches. */
export const ROWS_PER_QUERY = 1_000;

/** As many times more messages are read into memory at a time than are written: some milliseconds. */
export const READS_PER_WRITE = 4;

/** Messages whose columns are read into memory after the start, 60 octets each; those of later mailboxes when they are asked for. */
export const WARMED_MESSAGES = 400_000;

/** A message that is new costs so many times what a copy does: all that is known of its content. */
export const NEW_MESSAGE_COST = 5;

/** A message that goes costs so much of what one that comes does. */
export const EXPUNGE_COST = 0.5;

/** Messages that one transaction puts in or takes out, some 10 ms: others wait for so long. */
export const ROWS_PER_TRANSACTION = 250;

/** Transactions of a COPY or MOVE whose links are made before their turn: they share syncs, and others' letters wait some 15 ms. */
export const LINKED_AHEAD = 3;

/** Different sets of flags that a mailbox's columns know, beyond twice those that its messages have. */
export const SPARE_FLAG_SETS = 256;

/** Milliseconds of work after which other connections get their turn. */
export const WORK_SLICE = 5;

/** Milliseconds that a changed file name may wait before it is written to disk. */
export const NAME_DELAY = 200;

/** Names that may wait, some 500 octets each; who changes more flags waits for them. */
export const MAX_WAITING_NAMES = 20_000;

/** Milliseconds until a name is tried again that the disk refused, for instance because it is read-only just now. */
export const NAME_RETRY_DELAY = 60_000;

/** Names changed and files removed in one go, some 25 microseconds each. */
export const FILES_PER_SLICE = 100;

/** Milliseconds until removed messages' files go: who removes many waits for the index alone, and files go afterwards. */
export const REMOVAL_DELAY = 50;

/** Largest plaintext that is sealed to the same size as all smaller ones; header and payload then fill one disk block. */
export const SMALLEST_PLAINTEXT = 2_048;

/** Octets of one mbox line that are held to look for `From `; longer lines pass in pieces. */
export const MAX_MBOX_LINE = 64 * 1024;

/** Octets of a `From ` line that may separate messages: none is longer (RFC 4155 section 3 has an address and a time in it). */
export const MAX_FROM_LINE = 1_000;

/** Keywords that are taken of one imported message. */
export const MAX_IMPORTED_KEYWORDS = 100;

/** Folders whose descriptions are written at the same time; each has a file open. */
export const FOLDERS_AT_A_TIME = 16;

/** Messages that are written and synced at the same time, and that an import commits together. */
export const STAGING_BATCH = 64;

/** Small files of another program's Maildir that are read before their turn: as many as the thread pool works on at a time, twice. */
export const FILES_AHEAD = 8;

/** Octets of small messages that are written at the same time: an import has two such batches in memory. */
export const STAGING_BATCH_OCTETS = 8 * 1024 * 1024;

/**
 * Octets of headers that the messages of one MULTIAPPEND may have together, each counted as somewhat longer than it is: what
 * the index is to keep of them waits in memory for their one commit.
 */
export const MAX_APPENDED_HEADERS = 32 * 1024 * 1024;

/** What a staged message takes in memory beside its header, in octets. */
export const STAGED_MESSAGE_COST = 1_024;

/**
 * Octets up to which a message is held in memory, so that a whole batch is stored at the same time and another thread
 * seals it: all but three of a thousand letters. Parsing so many takes a few milliseconds.
 */
export const SMALL_MESSAGE = 1024 * 1024;

/** Octets of a larger message that cross to the thread which seals it at a time: four of age's chunks. */
export const FERRY_PIECE = 256 * 1024;

/** Pieces of memory that go to and fro for one such message: one is filled, one under way, one is read. */
export const FERRY_PIECES = 3;

/** UIDs and MODSEQs that sessions may have seen and a power cut undone: more than can be committed between two syncs. */
export const UNCERTAIN_NUMBERS = 10_000;

/** Milliseconds after a commit before its letters are indexed for searching: they come in bursts, and deliveries go first. */
export const INDEX_DELAY = 200;

/** Characters of text that are indexed in one go, some 10 ms: each is a segment that has to be merged, so many small ones cost. */
export const INDEX_SLICE = 24_000;

/** What a letter counts at least of a slice, in characters: opening its file. */
export const INDEX_LETTER_COST = 500;

/** Letters that are looked up at a time. */
export const INDEX_LETTERS_PER_QUERY = 64;

/** Milliseconds between two slices: about as long as one takes, so that indexing is half of one core. */
export const INDEX_PAUSE = 8;

/**
 * Milliseconds after the last commit in which letters are still said to come: they go first, since what is indexed takes
 * their processor, and stands in the same log that their syncs wait for.
 */
export const INDEX_BUSY = 1_000;

/** So many times in a row indexing is put off for as long: letters come in bursts, and a search looks at what is not indexed yet. */
export const INDEX_MOST_DELAYS = 30;

/** Slices that are done afterwards, though letters still come: more than 150 letters for each second of the delay. */
export const INDEX_SPELL = 1_000;

/** Share of the time for which others may keep the event loop busy in a pause without indexing waiting for them longer. */
export const INDEX_IDLE = 0.4;

/** Milliseconds of a longer pause, and pauses after which indexing goes on however much the others have to do. */
export const INDEX_LONGER_PAUSE = 25;
export const INDEX_MOST_WAITS = 10;

/** Milliseconds until indexing is tried again after an error of the disk. */
export const INDEX_RETRY_DELAY = 60_000;

/** Pages of the search index that are merged in one go, some 10 ms. */
export const INDEX_MERGE_PAGES = 32;

/** Messages of which it is quicker to look at their texts than to ask the index. */
export const FEW_MESSAGES = 8;

/** Files that are read at the same time where the index is rebuilt or checked; each is open and has a chunk in memory. */
export const INSPECTED_AT_A_TIME = 8;

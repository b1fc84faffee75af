import { MIME_LIMITS } from "../mime/limits.ts";

/** Every bound of the IMAP front. Sizes are octets, times are milliseconds. */
export interface ImapLimits {
  /** A command line after login. RFC 2683 section 3.2.1.5 asks for 8,000; mbsync and Thunderbird send UID sets of several times that. */
  readonly lineOctets: number;
  /** A command line before login: nobody needs more for LOGIN, ID or a SASL response (RFC 4422 answers are short for PLAIN). */
  readonly unauthenticatedLineOctets: number;
  /** All literals of one command that is not APPEND: search strings, mailbox names, passwords; they are held in memory. */
  readonly literalOctets: number;
  readonly unauthenticatedLiteralOctets: number;
  /** Literals in one command: each costs a round trip and an object. */
  readonly literals: number;
  /** Parentheses and NOT/OR within each other in one command: the parser recurses, the stack must not. */
  readonly nesting: number;
  /** Numbers in one section, `1.2.1`: one more than the levels of parts that BODYSTRUCTURE shows (mime/limits.ts). */
  readonly sectionDepth: number;
  /** Keys in one SEARCH: each may read the whole mailbox. */
  readonly searchKeys: number;
  /** Sections in one FETCH: each may read the whole message. */
  readonly fetchItems: number;
  /** Parts that one message is put together from: each may open a message. A digest of thousands is none that anybody reads. */
  readonly catenatedParts: number;
  /** Searches that one session follows with UPDATE (RFC 5267 section 4.3.1 asks for one at least): each costs up to 50 octets per message found. */
  readonly followedSearches: number;
  /** Mailboxes named in one NOTIFY: each is looked for at every change. */
  readonly notifyMailboxes: number;
  /** Names of mailboxes and of annotations that wait to be told with NOTIFY; a client so far behind is better off asking anew (RFC 5465 section 5.8). */
  readonly notices: number;
  /** Messages of which what SORT and THREAD compare is remembered: some 200 octets each with the texts, and as many with what THREAD needs. */
  readonly sortables: number;
  /** Previews that are remembered: 400 octets each. */
  readonly previews: number;
  /** References of one message that THREAD follows, the newest: each may become a message of the tree that is not there. */
  readonly threadReferences: number;
  /** Steps up a thread to see that a new link makes no loop; who makes longer threads gets them cut. */
  readonly threadDepth: number;
  /** Flags named in one command, and characters of a keyword: they are stored for each message. */
  readonly flags: number;
  readonly keywordLength: number;
  /** Octets of one annotation; RFC 5464 section 4.1 asks for 1,024, and all of a mailbox are in memory when some are asked for. */
  readonly annotationOctets: number;
  /** Octets of an annotation's name: vendors nest theirs, nobody needs more. */
  readonly annotationNameOctets: number;
  /** Entries named in one GETMETADATA. */
  readonly annotationsAsked: number;
  /** Octets of a mailbox name in UTF-8. */
  readonly mailboxNameOctets: number;
  /** A non-synchronising literal that is refused is read and dropped up to this; beyond it the connection ends (RFC 7888 section 4). */
  readonly discardOctets: number;
  /** Output gathered before it is handed to the socket; large enough for few system calls, small enough to stay in the cache. */
  readonly outputChunk: number;
  /** A body section up to this is read whole before its literal begins, so that damage is told as NO; larger ones are streamed. */
  readonly bufferedSection: number;
  /** How long one command works before others are let in. */
  readonly timeSlice: number;
  /** Between two words that a long command goes on; commands that take less say nothing. */
  readonly progressInterval: number;
  /** RFC 9051 section 5.4: at least 30 minutes; a bit more, for clients that wake up on the half hour. */
  readonly idleTimeout: number;
  /** The same before login, where RFC 9051 allows less: a connection that says nothing is no mail program. */
  readonly loginTimeout: number;
  /** A client that takes no octet of an answer for this long is gone. */
  readonly stalledTimeout: number;
  /**
   * Time to wait for a TLS hello before the greeting is sent in plain, where one port serves both. Programs with GLib take 50 ms
   * to say it, and several times as long on a busy machine; a greeting in plain is then all they get. It costs those who
   * mean STARTTLS this time at each connection, and nobody else.
   */
  readonly tlsDetection: number;
  /** Between two untagged updates in IDLE: a burst of changes is told at once. */
  readonly idleCoalescing: number;
  /** Connections at a time: ten per program and some programs, and file descriptors left for the rest. Above it strangers give way. */
  readonly connections: number;
  /** Wrong passwords on one connection before it is closed. */
  readonly loginFailures: number;
  /** Commands in a row that could not be parsed before the connection is closed: it speaks something else. */
  readonly consecutiveErrors: number;
  /** How long a stopping server waits for commands that are being carried out. */
  readonly stopGrace: number;
}

export const defaultLimits: ImapLimits = {
  lineOctets: 128 * 1024,
  unauthenticatedLineOctets: 16 * 1024,
  literalOctets: 128 * 1024,
  unauthenticatedLiteralOctets: 4 * 1024,
  literals: 256,
  nesting: 64,
  sectionDepth: MIME_LIMITS.depth + 1,
  searchKeys: 1000,
  fetchItems: 200,
  catenatedParts: 10_000,
  followedSearches: 8,
  notifyMailboxes: 1000,
  notices: 1000,
  sortables: 150_000,
  previews: 10_000,
  threadReferences: 100,
  threadDepth: 10_000,
  flags: 128,
  keywordLength: 128,
  annotationOctets: 64 * 1024,
  annotationNameOctets: 250,
  annotationsAsked: 256,
  mailboxNameOctets: 1000,
  discardOctets: 64 * 1024 * 1024,
  outputChunk: 64 * 1024,
  bufferedSection: 1024 * 1024,
  timeSlice: 5,
  progressInterval: 10_000,
  idleTimeout: 32 * 60_000,
  loginTimeout: 2 * 60_000,
  stalledTimeout: 10 * 60_000,
  tlsDetection: 1_000,
  idleCoalescing: 5,
  connections: 500,
  loginFailures: 10,
  consecutiveErrors: 20,
  stopGrace: 2_000,
};

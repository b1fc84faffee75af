/** Letters asked for by one command: half a second's work, so that the INBOX is looked at in between. */
export const FETCH_BATCH = 256;

/** Letters that are written and synced at the same time and committed together. */
export const STAGING_BATCH = 64;

/** Octets of small letters in memory at the same time; there may be two such batches. */
export const STAGING_OCTETS = 8 * 1024 * 1024;

/** Folders of one account: more than any person has, fewer than an answer could claim. */
export const MAX_FOLDERS = 2_000;

/** Accounts of one bridge; each has a connection that stands. */
export const MAX_ACCOUNTS = 50;

/** Keywords that are taken over of one letter. */
export const MAX_KEYWORDS = 50;

/** Octets of a keyword that is taken over. */
export const MAX_KEYWORD_OCTETS = 100;

/** Times that a letter by itself is asked for before it is left out until the next connection. */
export const LETTER_ATTEMPTS = 2;

/** Milliseconds until a connection stands; through Tor a first circuit takes 10 to 20 seconds. */
export const CONNECT_PATIENCE = 60_000;

/** Milliseconds for a look at the certificate of a server that was refused. */
export const LOOK_PATIENCE = 10_000;

/** Milliseconds of silence, while an answer is due, until a connection is given up. */
export const SILENCE_PATIENCE = 120_000;

/** Milliseconds after which IDLE is begun anew: RFC 2177 says 29 minutes, routers between forget sooner. */
export const IDLE_RENEWAL = 9 * 60_000;

/** Milliseconds between two looks at the folders that no IDLE watches. */
export const POLL_INTERVAL = 3 * 60_000;

/** Milliseconds between two lists of the folders: who makes one elsewhere does not wait for it as for a letter. */
export const FOLDERS_INTERVAL = POLL_INTERVAL;

/** Milliseconds that lie at least between two looks at all folders, however many letters vanish from one. */
export const SOONEST_POLL = 3_000;

/** Milliseconds between two looks at this machine's network addresses. */
export const NETWORK_INTERVAL = 5_000;

/** Milliseconds in which a provider has to answer after the network has changed, through Tor too. */
export const PROBE_PATIENCE = 20_000;

/** Milliseconds between two looks at the INBOX while other folders are fetched. */
export const INBOX_INTERVAL = 5_000;

/** Milliseconds before each further attempt to connect; the last one is repeated. */
export const RETRY_DELAYS: readonly number[] = [1_000, 5_000, 15_000, 60_000, 5 * 60_000, 10 * 60_000];

/** The same where the provider refused user, password or certificate: more attempts would lock the account. */
export const REFUSED_DELAYS: readonly number[] = [15 * 60_000, 60 * 60_000, 4 * 60 * 60_000];

/** Milliseconds that changes made here are collected before they are told to the provider. */
export const PUSH_DELAY = 300;

/** Letters that one command changes, so that no command line is too long for a server (RFC 7162 section 4). */
export const STORE_BATCH = 400;

/** Letters that may vanish from a folder at the provider at once and be removed here too; of more, half the folder may. */
export const VANISHED_UNQUESTIONED = 50;

/** Milliseconds for which whatever vanishes from a folder is kept, once so much has vanished that it is questioned. */
export const EMPTYING = 10 * 60_000;

/** Octets of the provider's own words that are shown. */
export const MAX_WORDS = 300;

/** Octets of one reply of a submission server. */
export const MAX_REPLY = 64 * 1024;

/** Milliseconds of silence until a letter on its way out is given up, to be tried again: a provider may scan it first. */
export const SEND_PATIENCE = 5 * 60_000;

/** Milliseconds for one letter in all, however slowly a provider takes it: 25 MB over a poor line. */
export const LETTER_PATIENCE = 60 * 60_000;

/**
 * Milliseconds that a mail program waits with us for the provider's word on its letter. It would wait for five minutes
 * and more (RFC 5321 section 4.5.3.2), but its user sits in front of it.
 */
export const ANSWER_PATIENCE = 10_000;

/** Milliseconds before the user is told again that a provider refuses the login of the same account. */
export const REFUSAL_SILENCE = 12 * 60 * 60_000;

/** Octets of a letter that waits that one row holds. */
export const OUTGOING_PIECE = 256 * 1024;

/** Milliseconds before each further attempt to send; the last one is repeated. */
export const SEND_DELAYS: readonly number[] = [60_000, 5 * 60_000, 15 * 60_000, 60 * 60_000, 4 * 60 * 60_000];

/** Milliseconds after which the sender is told that a letter is delayed, and after which it is given up (RFC 5321 section 4.5.4.1). */
export const DELAY_TOLD = 4 * 60 * 60_000;
export const SEND_LIMIT = 5 * 24 * 60 * 60_000;

/** Milliseconds for which it is known where the user's own copy of a letter was filed, should the provider file one too. */
export const COPY_MEMORY = 60 * 24 * 60 * 60_000;

/** Octets of a token server's answer, and milliseconds until it has to be there. */
export const MAX_TOKEN_ANSWER = 64 * 1024;
export const TOKEN_PATIENCE = 60_000;

/** Milliseconds before its end that an access token is fetched anew: it has to last for a login. */
export const TOKEN_MARGIN = 120_000;

/** Milliseconds that the user has to sign in at the provider's page, and octets of the request that comes back from there. */
export const SIGN_IN_PATIENCE = 10 * 60_000;
export const MAX_SIGN_IN_REQUEST = 16 * 1024;

/** Octets of an autoconfig file, and milliseconds until an answer of discovery has to be there. */
export const MAX_AUTOCONFIG = 128 * 1024;
export const DISCOVERY_PATIENCE = 10_000;

/** Octets of a letter that is looked at whole, whatever it is; a longer one only if its header says that it is OpenPGP. */
export const LOOKED_AT = 2 * 1024 * 1024;

/** Octets of an OpenPGP letter that is opened: it lies in memory some five times meanwhile. A longer one stays as it is. */
export const MAX_OPENED = 32 * 1024 * 1024;

/** Octets that compressed data may become: what MAX_OPENED of honest text becomes, far below what a bomb does. */
export const MAX_DECOMPRESSED = 64 * 1024 * 1024;

/** Recipients of one message; each is a packet that may have to be tried. */
export const MAX_SESSION_KEYS = 500;

/** Recipients without a key id: each costs one private-key operation for each of the own keys. */
export const MAX_ANONYMOUS = 8;

/** Signatures on one message; people have one, mailing lists two. */
export const MAX_SIGNATURES = 10;

/** Layers of encryption and signatures around a letter: signed in encrypted in signed, and one more. */
export const MAX_LAYERS = 4;

/** Octets of one certificate; keys with thousands of other people's signatures are refused, they slow every check. */
export const MAX_KEY = 256 * 1024;

/** Certificates that one import of the user's own may bring: a keyring of many years. */
export const MAX_IMPORTED_KEYS = 2_000;

/** Octets of a file with keys to import. */
export const MAX_IMPORT = 16 * 1024 * 1024;

/** Certificates that one letter may bring, in attachments and gossip together. */
export const MAX_KEYS_OF_A_LETTER = 20;

/** Octets of an Autocrypt field (level 1, section "The Autocrypt Header"). */
export const MAX_AUTOCRYPT_FIELD = 10 * 1024;

/** Octets of an Autocrypt setup message's payload. */
export const MAX_SETUP_MESSAGE = 1024 * 1024;

/** Memory that a passphrase's Argon2 may ask for, as a power of two in KiB: 256 MiB, far more than anybody uses. */
export const MAX_ARGON2_EXPONENT = 18;

/** Octets of an answer to a look-up of a key. */
export const MAX_LOOKUP_ANSWER = MAX_KEY;

/** Milliseconds until a look-up is given up; a letter may wait for it. */
export const LOOKUP_PATIENCE = 15_000;

/** Bounds of what the keyring reads and keeps, each with its reason. */

/** libsignal device ids fit seven bits. */
export const DEVICE_ID_MAX = 127;
/** libsignal registration ids fit fourteen bits; 0 is not used. */
export const REGISTRATION_ID_MAX = 0x3fff;
/** One type byte (0x05) and a Curve25519 public key, as libsignal serializes identity keys. */
export const IDENTITY_KEY_LENGTH = 33;
/** Revocations pile up until M issues a new certificate; more than this in one year is not daily life. */
export const REVOKED_MAX = 128;
/** A person uses two or three relays; contacts must be able to try all of them. */
export const RELAYS_MAX = 8;
/** Octets of one relay's URL: an onion name, a port and a key pin take about 150. */
export const RELAY_URL_MAX = 255;
/** Bytes. The bounds above allow 11,097; it must fit one cell of 16,384 with room to spare. */
export const ACCOUNT_STATE_MAX = 11_500;

const DAY = 24 * 3_600_000;
/** The longest certificate of an admin key that is accepted, a leap year; milliseconds. */
export const CERTIFICATE_LIFETIME_MAX = 366 * DAY;
/** How long a new admin key is certified; milliseconds. */
export const CERTIFICATE_LIFETIME = 365 * DAY;
/** How long after its end an admin certificate still carries new states: the owner may be late, either clock may be wrong. Milliseconds. */
export const CERTIFICATE_GRACE = 30 * DAY;
/** How far ahead of ours another machine's clock may be; milliseconds. */
export const CLOCK_SKEW = 2 * DAY;

/** Times that the paper key can take the recovery record back; each is looked for, both places in one burst of a relay's patience. */
export const RECOVERY_GENERATIONS = 24;

/** Octets of vault.json; a slot takes about 500. */
export const VAULT_FILE_MAX = 65_536;
/** One slot per mail program and a few more. */
export const SLOTS_MAX = 64;
/** Each of them costs half a second and 256 MiB at a login that fits none. */
export const PASSPHRASE_SLOTS_MAX = 4;
/** Characters of a slot's name. */
export const SLOT_NAME_MAX = 64;
/** Characters; `init` warns of what falls to guessing, but a passphrase file may also hold what only a test needs. */
export const PASSPHRASE_MIN = 1;
/** Shorter ones fall to guessing whatever the cost of one guess. */
export const PASSPHRASE_ADVISED = 12;
/** Octets; nobody types more, and hashing must stay bounded. */
export const PASSPHRASE_MAX = 1024;
/** Argon2 costs that a slot may ask of this machine: memory in KiB, passes, lanes. */
export const ARGON2_BOUNDS = { memory: [1024, 1_048_576], passes: [1, 16], lanes: [1, 8] } as const;
/** SCRAM iterations: RFC 7677 section 4 asks for 4096 at least; above a million a login would take longer than programs wait. */
export const SCRAM_ITERATIONS_BOUNDS = [4096, 1_000_000] as const;

/** Octets of a local part (RFC 5321 section 4.5.3.1.1). */
export const PETNAME_MAX = 64;
/** Decoded pins that are kept in memory, because each was checked by two signatures: more contacts than write in one hour. */
export const DECODED_PINS_MAX = 256;
/** Contacts that are kept in memory as they were read, some kilobytes each, by label and by petname. */
export const CACHED_CONTACTS_MAX = 1_000;

/** OpenPGP keys that are kept of one old e-mail address: people have two or three in ten years, an attacker makes any number. */
export const OPENPGP_KEYS_OF_ADDRESS_MAX = 20;

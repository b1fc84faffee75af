/** Plaintext octets per chunk of the payload (age v1, "Payload"). */
export const CHUNK_SIZE = 64 * 1024;

/** Octets that Poly1305 adds to each chunk. */
export const TAG_SIZE = 16;

/** Random octets before the first chunk. */
export const NONCE_SIZE = 16;

/** Octets of the key that the header wraps. */
export const FILE_KEY_SIZE = 16;

/** Largest header that is read. Ours take some 350 octets; the bound leaves room for a few dozen stanzas of other makers. */
export const MAX_HEADER_SIZE = 16 * 1024;

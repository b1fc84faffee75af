/** Bytes of a queue's recipient id and sender id, and of a slot's id: 24 random bytes cannot be guessed nor met twice. */
export const ID_SIZE = 24;

/** Bytes of a relay token, an HMAC-SHA256 key, an Ed25519 public key (RFC 8032) or its seed. */
export const KEY_SIZE = 32;

/** Bytes of an HMAC-SHA256. */
export const MAC_SIZE = 32;

/** Bytes of an Ed25519 signature. */
export const SIGNATURE_SIZE = 64;

/** Bytes of the connection's exported secret (RFC 8446 section 7.5). */
export const EXPORTER_SIZE = 32;

/** Its label. */
export const EXPORTER_LABEL = "EXPORTER-postern-relay-1";

import { type Config, config } from "openpgp";
import { MAX_ARGON2_EXPONENT, MAX_DECOMPRESSED } from "./limits.ts";

/**
 * How openpgp.js is used everywhere. What decides about safety is named even where it is the library's default today:
 * nothing without integrity protection is opened, nothing unverified is handed out, the grammar of RFC 9580 section 10.3
 * is enforced. MD5, RIPEMD-160 and SHA-1 sign no letters, DSA and ElGamal and RSA below 2047 bits (some programs make
 * "2048" of that) are taken for nothing.
 */
export const OPENPGP_CONFIG: Config = {
  ...config,
  allowUnauthenticatedMessages: false,
  allowUnauthenticatedStream: false,
  allowInsecureDecryptionWithSigningKeys: false,
  allowInsecureVerificationWithReformattedKeys: false,
  allowMissingKeyFlags: false,
  enforceGrammar: true,
  ignoreMalformedPackets: false,
  ignoreUnsupportedPackets: true,
  minRSABits: 2047,
  maxDecompressedMessageSize: MAX_DECOMPRESSED,
  maxArgon2MemoryExponent: MAX_ARGON2_EXPONENT,
  showVersion: false,
  showComment: false,
};

/** openpgp.js copies and compares by type: a Buffer's slices share memory where it expects copies. */
export function plainBytes(bytes: Uint8Array): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes);
}

import { createHash } from "node:crypto";
import { encodeBase32 } from "../../foundation/base32.ts";
import { publicKeyOf, signingKey } from "../../relay/wire/proof.ts";

/** The key of an onion service, version 3 (rend-spec-v3). */
export interface OnionKey {
  /** 56 characters and `.onion`: the public key itself, so nobody else can answer there. */
  readonly host: string;
  /** The secret as ADD_ONION takes it. */
  readonly blob: string;
}

const VERSION = Buffer.of(3);

/**
 *     host     = base32(public-key checksum version) ".onion"
 *     checksum = the first 2 bytes of SHA3-256(".onion checksum" public-key version)
 *     blob     = base64(SHA-512(seed), its first half clamped as RFC 8032 section 5.1.5 says)
 */
export function onionKey(seed: Uint8Array): OnionKey {
  const publicKey = publicKeyOf(signingKey(seed));
  const checksum = createHash("sha3-256").update(".onion checksum").update(publicKey).update(VERSION).digest();
  const expanded = createHash("sha512").update(seed).digest();
  expanded[0] = (expanded[0] ?? 0) & 248;
  expanded[31] = ((expanded[31] ?? 0) & 63) | 64;
  return {
    host: `${encodeBase32(Buffer.concat([publicKey, checksum.subarray(0, 2), VERSION]))}.onion`,
    blob: expanded.toString("base64"),
  };
}

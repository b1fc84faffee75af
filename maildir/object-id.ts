import { encodeBase32 } from "../foundation/base32.ts";
import { randomOctets } from "../foundation/random-octets.ts";

/** A fresh identifier for RFC 8474: 16 characters of base32, never a dash or a digit of meaning. */
export function randomObjectId(): string {
  return encodeBase32(randomOctets(10));
}

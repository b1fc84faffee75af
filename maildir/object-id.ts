import { randomBytes } from "node:crypto";
import { encodeBase32 } from "../foundation/base32.ts";

/** A fresh identifier for RFC 8474: 16 characters of base32, never a dash or a digit of meaning. */
export function randomObjectId(): string {
  return encodeBase32(randomBytes(10));
}

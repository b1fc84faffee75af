import { randomBytes, randomFillSync } from "node:crypto";

/** Octets that are fetched in one go: asking for 16 takes as long as asking for all of these. */
const FETCHED = 4_096;

const fetched = Buffer.alloc(FETCHED);
let used = FETCHED;

/** Random octets of node:crypto's generator, for keys too; each is given once, and kept nowhere afterwards. */
export function randomOctets(length: number): Buffer {
  if (length > FETCHED / 2) return randomBytes(length);
  if (used + length > FETCHED) {
    randomFillSync(fetched);
    used = 0;
  }
  const octets = Buffer.from(fetched.subarray(used, used + length));
  fetched.fill(0, used, used + length);
  used += length;
  return octets;
}

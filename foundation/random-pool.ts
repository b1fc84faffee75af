import { randomFillSync } from "node:crypto";

/** Octets that are asked for at once; larger wishes are their own. */
const POOL = 4_096;

let pool = Buffer.alloc(0);

/**
 * Random octets as crypto.randomBytes gives them, for the many short ids, keys and nonces that every letter takes: asking
 * the generator costs as much for 16 octets as for thousands. No octet is given out twice, and none stays in the pool.
 */
export function pooledRandomBytes(length: number): Buffer {
  if (length > POOL) return randomFillSync(Buffer.allocUnsafeSlow(length));
  if (pool.length < length) pool = randomFillSync(Buffer.allocUnsafeSlow(POOL));
  const octets = Buffer.from(pool.subarray(0, length));
  pool.fill(0, 0, length);
  pool = pool.subarray(length);
  return octets;
}

import { createHash } from "node:crypto";
import type { RandomSource } from "../../keyring/random.ts";

/** Bytes that look random and are the same in every run. */
export function fixedRandom(seed: string): RandomSource {
  let calls = 0;
  return (length) => {
    const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, block) =>
      createHash("sha256").update(`${seed} ${calls} ${block}`).digest(),
    );
    calls += 1;
    return Buffer.concat(blocks).subarray(0, length);
  };
}

/** Something shaped like libsignal's serialized public key. */
export function identityKey(seed: string): Buffer {
  return Buffer.concat([Buffer.of(5), createHash("sha256").update(seed).digest()]);
}

import type { RandomSource } from "./random.ts";

/** Creates a key file (32 random bytes in base64, mode 0600) and returns its key. @throws Failure already-exists */
export async function createKeyFile(_path: string, _random: RandomSource): Promise<Buffer> {
  throw new Error("not written");
}

/** @throws Failure nonexistent, damaged; forbidden where others may read it */
export async function readKeyFile(_path: string): Promise<Buffer> {
  throw new Error("not written");
}

import { open, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { syncDirectory } from "../foundation/durable-file.ts";
import { errorCode, Failure, storageFailure } from "../foundation/failure.ts";
import type { RandomSource } from "./random.ts";

/** Bytes of the key inside a key file. */
export const KEY_FILE_KEY_LENGTH = 32;

/** 43 base64 characters, one `=`, a line end of either kind. */
const TEXT_MAX = 48;

/** Creates a key file (32 random bytes in base64, mode 0600) and returns its key. @throws Failure already-exists */
export async function createKeyFile(path: string, random: RandomSource): Promise<Buffer> {
  const key = Buffer.from(random(KEY_FILE_KEY_LENGTH));
  try {
    // "wx": a key file that is overwritten may be the only key to somebody's vault.
    const file = await open(path, "wx", 0o600);
    try {
      await file.writeFile(`${key.toString("base64")}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (errorCode(error) === "EEXIST")
      throw new Failure("already-exists", `${path} exists: name another file, a key file is never overwritten`);
    throw storageFailure(error);
  }
  await syncDirectory(dirname(path));
  return key;
}

/** @throws Failure nonexistent, damaged; forbidden where others may read it */
export async function readKeyFile(path: string): Promise<Buffer> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0)
      throw new Failure("forbidden", `${path} can be read by others: chmod 600 it, or use another key file`);
    if (size > TEXT_MAX) throw new Failure("damaged", `${path} is not a key file`);
    return parseKeyFile(await readFile(path, "latin1"));
  } catch (error) {
    if (errorCode(error) === "ENOENT") throw new Failure("nonexistent", `there is no key file ${path}`);
    throw storageFailure(error);
  }
}

/** The key in a key file's text, for keys that a `systemd` credential or a pipe hands over. @throws Failure damaged */
export function parseKeyFile(text: string): Buffer {
  const base64 = text.trim();
  const key = Buffer.from(base64, "base64");
  if (key.length !== KEY_FILE_KEY_LENGTH || key.toString("base64") !== base64)
    throw new Failure("damaged", "the key file does not hold 32 bytes in base64: restore it from its copy");
  return key;
}

import { closeSync, fstatSync, openSync, read, readSync } from "node:fs";
import { promisify } from "node:util";
import { Failure } from "../foundation/failure.ts";
import { AgeFormatError } from "./age/format-error.ts";
import type { AgeIdentity } from "./age/identity.ts";
import { MAX_HEADER_SIZE } from "./age/limits.ts";
import { AgeOpener } from "./age/opener.ts";
import { SMALL_FILE_SIZE } from "./limits.ts";
import { isMissing } from "./mail-folders.ts";
import { paddedSize } from "./padding.ts";

const readOf = promisify(read);

/** Opens a message's file; undefined where there is none at that path. */
export function openMessageFile(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

function damaged(cause?: unknown): Failure {
  return new Failure("damaged", "the message's file is missing or was changed", { cause });
}

/**
 * Octets start..end of the message in an opened file, each from an authenticated chunk; closes the file.
 * @throws Failure damaged
 */
export async function* readMessage(
  fd: number | undefined,
  identity: AgeIdentity,
  size: number,
  start: number,
  end: number,
): AsyncGenerator<Buffer> {
  if (fd === undefined) throw damaged();
  try {
    const fileSize = fstatSync(fd).size;
    const beginning = Buffer.allocUnsafe(Math.min(fileSize, fileSize <= SMALL_FILE_SIZE ? fileSize : MAX_HEADER_SIZE));
    const known = beginning.subarray(0, readSync(fd, beginning, 0, beginning.length, 0));
    const source = {
      size: fileSize,
      read: (position: number, length: number) => {
        if (fileSize === known.length) return known.subarray(position, position + length);
        const chunk = Buffer.allocUnsafe(Math.min(length, Math.max(0, fileSize - position)));
        return readOf(fd, chunk, 0, chunk.length, position).then(({ bytesRead }) => chunk.subarray(0, bytesRead));
      },
    };
    const opener = AgeOpener.open(known, source, identity);
    if (opener?.size !== paddedSize(size)) throw damaged();
    yield* opener.read(start, Math.min(end, size));
  } catch (error) {
    throw error instanceof AgeFormatError ? damaged(error) : error;
  } finally {
    closeSync(fd);
  }
}

import { open, rm } from "node:fs/promises";
import { type BufferedFile, bufferedFile } from "./buffered-file.ts";
import type { ExportedMessage } from "./mail-writer.ts";

/** Creating a file may wait for the file system, which is quicker for many at once; each holds a piece of a message. */
export const FILES_AT_ONCE = 8;

/** Writes a message to a file of its own, dated as the message; not synced. @throws what the content throws; then no file stays */
export async function writeMessageFile(path: string, { content, internalDate }: ExportedMessage): Promise<void> {
  const handle = await open(path, "wx", 0o600);
  const file: BufferedFile = bufferedFile(handle);
  let whole = false;
  try {
    for await (const piece of content) await file.write(piece);
    await file.flush();
    await handle.utimes(internalDate / 1000, internalDate / 1000);
    whole = true;
  } finally {
    await handle.close();
    if (!whole) await rm(path, { force: true });
  }
}

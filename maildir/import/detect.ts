import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { Failure } from "../../foundation/failure.ts";
import { readEml } from "./eml.ts";
import { openMaildirSource } from "./maildir.ts";
import { openMbox } from "./mbox.ts";
import type { ImportedMessage, MessageSource } from "./message-source.ts";

async function* readEmls(paths: readonly string[]): AsyncGenerator<ImportedMessage> {
  for (const path of paths) yield* readEml(path);
}

async function beginsWithFrom(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(5), 0, 5, 0);
    return buffer.toString("latin1", 0, bytesRead) === "From ";
  } finally {
    await file.close();
  }
}

/**
 * Looks what a path holds: a Maildir, a folder of .eml files, an mbox (it begins with `From `), or one message.
 * @throws Failure nonexistent, invalid
 */
export async function detectSource(path: string): Promise<MessageSource> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined) throw new Failure("nonexistent", "there is nothing at this path, or it cannot be read");
  if (status.isFile()) {
    if (await beginsWithFrom(path)) return openMbox(path, status.size);
    if (status.size === 0) return { total: 0, messages: readEmls([]) };
    return { total: 1, messages: readEml(path) };
  }
  if (!status.isDirectory()) throw new Failure("invalid", "this is neither a file nor a folder");
  const names = await readdir(path);
  if (names.includes("cur") || names.includes("new")) return openMaildirSource(path);
  const emls = names.filter((name) => name.toLowerCase().endsWith(".eml")).sort();
  if (emls.length === 0) throw new Failure("invalid", "this folder is no Maildir and holds no .eml files");
  return { total: emls.length, messages: readEmls(emls.map((name) => join(path, name))) };
}

import { existsSync } from "node:fs";
import { Failure } from "../foundation/failure.ts";
import { type FilePlace } from "./disk-names.ts";
import { splitDiskName } from "./mail-folders.ts";
import type { StoredMessage } from "./message-index.ts";
import { openMessageFile, readMessage } from "./message-reader.ts";
import type { Storage } from "./storage.ts";

interface Holder {
  readonly row: number;
  readonly folder: string;
  place(message: StoredMessage): FilePlace;
}

/** Octets start..end of a message, from its file. @throws Failure nonexistent, damaged */
export async function* readStoredMessage(
  storage: Storage,
  mailbox: Holder,
  uid: number,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const { messages, names, vault } = storage;
  const message = messages.one(mailbox.row, uid);
  if (message === undefined) throw new Failure("nonexistent", "the message was removed");
  const place = mailbox.place(message);
  let fd = openMessageFile(names.locate(place));
  if (fd === undefined && (await findStrayed(storage, mailbox, place))) fd = openMessageFile(names.locate(place));
  yield* readMessage(fd, vault, message.size, Math.max(0, start), end);
}

/**
 * Looks in the whole folder for files whose names are other than the index says: names are written behind, and a crash
 * loses those that waited. All that are found get their right names. True if the one asked for is there; it may have got
 * its right name meanwhile, from somebody who looked for it too.
 */
export async function findStrayed(storage: Storage, mailbox: Holder, wanted: FilePlace): Promise<boolean> {
  const { folders, messages, names } = storage;
  let found = false;
  // Files move from `new` to `cur` alone: in this order none is missed.
  for (const directory of ["fresh", "cur"] as const) {
    for (const name of await folders.list(folders[directory](mailbox.folder))) {
      const { file, letters } = splitDiskName(name);
      const message = messages.byFile(mailbox.row, file);
      if (message === undefined) continue;
      found ||= file === wanted.file;
      const place = mailbox.place(message);
      if (directory === "cur" && letters === place.letters) continue;
      const path = folders[directory](mailbox.folder, name);
      if (existsSync(path)) names.settle(place, path);
    }
  }
  return found;
}

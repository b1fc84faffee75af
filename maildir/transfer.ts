import { copyFileSync, linkSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { errorCode, Failure, storageFailure } from "../foundation/failure.ts";
import { putAllOrNone } from "./all-or-none.ts";
import { type FlagSet, formatFlags } from "./flags.ts";
import { LINKED_AHEAD } from "./limits.ts";
import { isMissing } from "./mail-folders.ts";
import type { CopyResult } from "./message.ts";
import { findStrayed } from "./message-access.ts";
import type { FlaggedFile } from "./message-index.ts";
import type { Storage } from "./storage.ts";
import type { Arrival, StoredMailbox } from "./stored-mailbox.ts";
import { commitInTurns, inSlices, turnTaker } from "./turns.ts";

/** What a file system says that has no hard links, or too many of them to this file. */
const NO_LINK = new Set(["EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "ENOSYS", "EXDEV"]);

interface Link {
  readonly file: string;
  readonly path: string;
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    linkSync(from, to);
  } catch (error) {
    if (!NO_LINK.has(errorCode(error))) throw error;
    copyFileSync(from, to);
    const copy = await open(to, "r+");
    try {
      await copy.sync();
    } finally {
      await copy.close();
    }
  }
}

async function linkMessage(
  storage: Storage,
  source: StoredMailbox,
  message: FlaggedFile,
  target: StoredMailbox,
): Promise<Link> {
  const { folders, names } = storage;
  const file = folders.randomName();
  const path = folders.fresh(target.folder, file);
  const place = source.place(message);
  try {
    await linkOrCopy(names.locate(place), path);
  } catch (error) {
    if (!isMissing(error)) throw error;
    if (!(await findStrayed(storage, source, place)))
      throw new Failure("damaged", "a message's file is missing", { cause: error });
    await linkOrCopy(names.locate(place), path);
  }
  return { file, path };
}

/** Gives second names to the messages of a list, noted in `links`; durable. @throws Failure damaged */
async function linkMessages(
  storage: Storage,
  source: StoredMailbox,
  uids: readonly number[],
  target: StoredMailbox,
  links: Map<string, Link>,
): Promise<void> {
  const { folders, names, letters, sync } = storage;
  const directory = folders.fresh(target.folder);
  const rows = [...storage.messages.flaggedFiles(source.row, uids)].flat();
  let left = rows;
  if (letters.isReady && rows.length > 0) {
    const wanted = rows.map((message) => {
      const file = folders.randomName();
      const path = folders.fresh(target.folder, file);
      links.set(message.file, { file, path });
      return { from: names.locate(source.place(message)), to: path };
    });
    const refused = await letters.link(wanted, directory);
    // Among them those whose file got another name just now.
    left = rows.filter((_, index) => refused.has(index));
  }
  if (left.length === 0) return;
  const turn = turnTaker();
  for (const message of left) {
    links.set(message.file, await linkMessage(storage, source, message, target));
    await turn();
  }
  await sync.sync(directory);
}

/**
 * COPY and MOVE: the target gets a second name for each file, durable before the index knows it. COPY is all or none;
 * MOVE takes each message wholly or not at all, and a failure may leave some moved (RFC 6851 section 3.3). Messages that
 * go away meanwhile are left out. @throws Failure nonexistent, damaged, full
 */
export async function transfer(
  storage: Storage,
  source: StoredMailbox,
  uids: readonly number[],
  target: StoredMailbox,
  andExpunge: boolean,
  origin?: object,
): Promise<CopyResult> {
  const links = new Map<string, Link>();
  /** Files of links that the index names now. */
  const taken = new Set<string>();
  const slices = inSlices(uids, storage.rowsPerTransaction);
  /** The names for the next transactions are made while one is committed. */
  const linking: Promise<void>[] = [];
  const linkUpTo = (last: number): void => {
    for (const slice of slices.slice(linking.length, last + 1)) {
      const one = linkMessages(storage, source, slice, target, links);
      one.catch(() => undefined);
      linking.push(one);
    }
  };
  const prepare = async (index: number): Promise<void> => {
    linkUpTo(index);
    await linking[index];
    linkUpTo(index + LINKED_AHEAD);
  };
  target.counters();
  try {
    const put = (some: readonly number[]): (readonly [number, number])[] => {
      const rows = [...storage.messages.rows(source.row, some)].flat().filter(({ file }) => links.has(file));
      const spelt = new Map<string, FlagSet>();
      const arrivals = rows.map((message): Arrival => {
        const { file, path } = links.get(message.file) ?? { file: "", path: "" };
        const key = `${message.bits} ${message.keywords}`;
        let flags = spelt.get(key);
        if (flags === undefined) spelt.set(key, (flags = target.flagSet(formatFlags(message))));
        const { internalDate, size, emailId, threadId, content } = message;
        return { path, message: { ...flags, internalDate, size, emailId, threadId, content, file } };
      });
      const added = target.admit(arrivals, origin);
      const left = rows.map(({ uid }) => uid);
      storage.db.afterCommit(() => arrivals.forEach(({ message: { file } }) => taken.add(file)));
      if (andExpunge) source.handOver(rows, origin);
      else if (left.length > 0) storage.quota.requireRoom();
      return left.map((uid, index) => [uid, added[index] ?? 0]);
    };
    const pairs = andExpunge
      ? (await commitInTurns(storage, slices, put, prepare)).flat()
      : await putAllOrNone(storage, target, uids, put, { prepare });
    return { uidValidity: target.uidValidity, uids: pairs };
  } catch (error) {
    throw isMissing(error) ? new Failure("nonexistent", "the mailbox was removed") : storageFailure(error);
  } finally {
    await Promise.allSettled(linking);
    const turn = turnTaker();
    for (const { file, path } of links.values()) {
      if (!taken.has(file)) rmSync(path, { force: true });
      await turn();
    }
  }
}

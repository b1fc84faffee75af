import { Failure } from "../foundation/failure.ts";
import { putAllOrNone } from "./all-or-none.ts";
import { parseFlags } from "./flags.ts";
import {
  MAX_APPENDED_HEADERS,
  NEW_MESSAGE_COST,
  STAGED_MESSAGE_COST,
  STAGING_BATCH,
  STAGING_BATCH_OCTETS,
} from "./limits.ts";
import type { AppendRequest } from "./message.ts";
import { takeSmall } from "./small-content.ts";
import { discard, type StagedFile, stage } from "./staging.ts";
import type { Storage } from "./storage.ts";
import type { AppendMerger, InsertOptions } from "./store.ts";
import type { StoredMailbox } from "./stored-mailbox.ts";

/**
 * APPEND and MULTIAPPEND (RFC 3502): all messages or none; the new UIDs in order. Small messages are
 * written and synced many at a time. @throws Failure full, too-big, nonexistent, invalid
 */
export async function appendMessages(
  storage: Storage,
  mailbox: StoredMailbox,
  messages: AsyncIterable<AppendRequest> | Iterable<AppendRequest>,
  origin?: object,
): Promise<number[]> {
  const staging: Promise<StagedFile>[] = [];
  const options: InsertOptions[] = [];
  const mergers: (AppendMerger | undefined)[] = [];
  const merged: StagedFile[] = [];
  /** What is being written; a large message counts as all that there is room for. */
  const underWay: { readonly one: Promise<StagedFile>; readonly octets: number }[] = [];
  let octetsUnderWay = 0;
  let kept = 0;
  try {
    for await (const { content, flags, internalDate } of messages) {
      parseFlags(flags);
      const date = internalDate === undefined ? {} : { internalDate };
      const merger = storage.appendMerger?.(mailbox);
      const taken = await takeSmall(merger?.watch(content) ?? content);
      const one = stage(storage, mailbox.folder, taken, date);
      // A failure is reported where all are waited for.
      one.catch(() => undefined);
      staging.push(one);
      mergers.push(merger);
      options.push({ flags, ...date });
      const octets = Buffer.isBuffer(taken) ? taken.length : STAGING_BATCH_OCTETS;
      underWay.push({ one, octets });
      octetsUnderWay += octets;
      while (underWay.length >= STAGING_BATCH || octetsUnderWay >= STAGING_BATCH_OCTETS) {
        const oldest = underWay.shift();
        if (oldest === undefined) break;
        kept += (await oldest.one).header.length + STAGED_MESSAGE_COST;
        octetsUnderWay -= oldest.octets;
        if (kept > MAX_APPENDED_HEADERS)
          throw new Failure("too-big", "too many messages at once: append them by several commands");
      }
    }
    const staged = await Promise.all(staging);
    const items = staged.map((one, index) => ({
      one,
      merger: mergers[index],
      options: options[index] ?? { flags: [] },
    }));
    const put = (some: readonly (typeof items)[number][]): number[] => {
      const existing = some.map(({ one, merger }) => mailbox.existing(merger?.existing(one)));
      const fresh = some.filter((_, index) => existing[index] === undefined);
      const added = mailbox.insert(
        fresh.map(({ one }) => one),
        fresh.map(({ options: given }) => given),
        origin,
      );
      if (added.length > 0) storage.quota.requireRoom();
      for (const [index, { one }] of some.entries()) if (existing[index] !== undefined) merged.push(one);
      const newUids = added.values();
      return existing.map((uid) => uid ?? newUids.next().value ?? 0);
    };
    const rowsPerTransaction = Math.ceil(storage.rowsPerTransaction / NEW_MESSAGE_COST);
    const uids = await putAllOrNone(storage, mailbox, items, put, { rowsPerTransaction });
    for (const one of merged) discard(storage, one);
    return uids;
  } catch (error) {
    for (const result of await Promise.allSettled(staging))
      if (result.status === "fulfilled") discard(storage, result.value);
    throw error;
  }
}

import { Failure } from "../foundation/failure.ts";
import type { FilePlace } from "./disk-names.ts";
import { applyChange, type FlagList, type FlagSet, parseFlags } from "./flags.ts";
import { MAX_KEYWORDS } from "./limits.ts";
import type { FlagChange } from "./message.ts";
import type { Storage } from "./storage.ts";
import type { StoredMailbox } from "./stored-mailbox.ts";
import { commitInTurns, inSlices } from "./turns.ts";
import { ascending } from "./uid-list.ts";

export interface FlagChanges {
  readonly changed: readonly number[];
  readonly conflicts: readonly number[];
  readonly modSeq: number;
}

interface FlagOptions {
  /** Messages with a higher MODSEQ are left alone and told as conflicts. */
  readonly unchangedSince?: number;
  readonly origin?: object;
}

/** Messages that get the same flags. */
interface FlagGroup {
  readonly flags: FlagSet;
  readonly uids: number[];
}

/** STORE (RFC 9051 section 6.4.6, RFC 7162 section 3.1.3), in transactions that let others have their turn. */
export async function changeFlags(
  storage: Storage,
  mailbox: StoredMailbox,
  uids: readonly number[],
  change: FlagChange,
  flags: readonly string[],
  options: FlagOptions = {},
): Promise<FlagChanges> {
  const asked = ascending(uids);
  const list = parseFlags(flags);
  await storage.names.room();
  const results = await commitInTurns(storage, inSlices(asked, storage.rowsPerTransaction), (some) =>
    changeSome(storage, mailbox, some, change, list, options),
  );
  return {
    changed: results.flatMap(({ changed }) => changed),
    conflicts: results.flatMap(({ conflicts }) => conflicts),
    modSeq: results.at(-1)?.modSeq ?? 0,
  };
}

/** Keywords as the mailbox spells them; those that are new to it are noted, if they may be. Runs inside a transaction. */
export function spellKeywords(
  { messages, db }: Pick<Storage, "messages" | "db">,
  mailbox: StoredMailbox,
  { bits, keywords }: FlagList,
  mayAdd: boolean,
): FlagList {
  if (keywords.length === 0) return { bits, keywords };
  const known = messages.keywords(mailbox.row);
  const spelling = new Map(known.map((keyword) => [keyword.toLowerCase(), keyword]));
  for (const keyword of keywords) {
    const key = keyword.toLowerCase();
    if (spelling.has(key) || !mayAdd) continue;
    if (spelling.size >= MAX_KEYWORDS) throw new Failure("invalid", "the mailbox has too many different keywords");
    spelling.set(key, keyword);
    messages.addKeyword(mailbox.row, keyword);
    db.afterCommit(() => mailbox.forgetKeywords());
  }
  return { bits, keywords: keywords.map((keyword) => spelling.get(keyword.toLowerCase()) ?? keyword) };
}

function changeSome(
  storage: Storage,
  mailbox: StoredMailbox,
  uids: readonly number[],
  change: FlagChange,
  flags: FlagList,
  { unchangedSince = Number.POSITIVE_INFINITY, origin }: FlagOptions,
): FlagChanges {
  const { db, mailboxes, messages, names } = storage;
  const { uidNext, highestModSeq } = mailbox.counters();
  const list = spellKeywords(storage, mailbox, flags, change !== "remove");
  const conflicts: number[] = [];
  const changed: number[] = [];
  const groups = new Map<string, FlagGroup>();
  const renames: { before: FilePlace; after: FilePlace }[] = [];
  for (const rows of messages.flaggedFiles(mailbox.row, uids)) {
    for (const row of rows) {
      if (row.modSeq > unchangedSince) {
        conflicts.push(row.uid);
        continue;
      }
      const after = applyChange(row, change, list);
      if (after.bits === row.bits && after.keywords === row.keywords) continue;
      changed.push(row.uid);
      const key = `${after.bits} ${after.keywords}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { flags: after, uids: [row.uid] });
      else group.uids.push(row.uid);
      const places = { before: mailbox.place(row), after: mailbox.place({ ...after, file: row.file }) };
      if (places.before.letters !== places.after.letters) renames.push(places);
    }
  }
  if (changed.length === 0) return { changed, conflicts, modSeq: highestModSeq };
  const modSeq = highestModSeq + 1;
  for (const group of groups.values()) messages.setFlags(mailbox.row, group.uids, group.flags, modSeq);
  mailboxes.setCounters(mailbox.row, uidNext, modSeq);
  db.afterCommit(() => {
    for (const { before, after } of renames) names.settle(after, names.locate(before));
    mailbox.flagsChanged(groups.values(), modSeq);
    mailbox.emit({ kind: "flags", uids: changed, modSeq, ...(origin !== undefined && { origin }) });
  });
  return { changed, conflicts, modSeq };
}

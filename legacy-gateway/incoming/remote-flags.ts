import type { LocalMailbox } from "../ports.ts";
import {
  difference,
  type FlagDifference,
  type FlagSet,
  formatFlags,
  isNothing,
  parseFlags,
  sharedFlags,
  stillMissing,
} from "./flags.ts";
import type { LedgerFolder } from "./ledger.ts";
import type { SyncContext } from "./sync-context.ts";

/** Flags of a letter as the provider has them. */
export interface RemoteFlags {
  readonly uid: number;
  readonly flags: readonly string[];
}

/** Different keywords of a mailbox that a provider's letters may bring it to. */
const MOST_KEYWORDS = 500;

/** Letters whose flags are looked at in one go. */
const SLICE = 500;

/** Those of the provider's flags that the mailbox can keep: a provider full of odd keywords must not stop the letters. */
export function fittingFlags(mailbox: LocalMailbox): (flags: readonly string[]) => FlagSet {
  const known = new Set(mailbox.keywords().map((keyword) => keyword.toLowerCase()));
  return (flags) => {
    const fitting = new Map<string, string>();
    for (const [key, flag] of sharedFlags(flags)) {
      if (!flag.startsWith("\\") && !known.has(key)) {
        if (known.size >= MOST_KEYWORDS) continue;
        known.add(key);
      }
      fitting.set(key, flag);
    }
    return fitting;
  };
}

/**
 * Brings what changed at the provider to the letters here: what was changed here alone stays as it is. Letters that are
 * not known are passed over. Done again after a crash, it changes nothing more.
 */
export async function applyRemoteFlags(
  context: SyncContext,
  folder: LedgerFolder,
  mailbox: LocalMailbox,
  letters: readonly RemoteFlags[],
): Promise<void> {
  const { ledger, db, origin } = context;
  const fitting = fittingFlags(mailbox);
  for (let at = 0; at < letters.length; at += SLICE) {
    const changed: { readonly uid: number; readonly flags: string }[] = [];
    const groups = new Map<string, { readonly change: FlagDifference; readonly uids: number[] }>();
    for (const { uid, flags } of letters.slice(at, at + SLICE)) {
      const known = ledger.letter(folder.id, uid);
      if (known === undefined) continue;
      const now = fitting(flags);
      const change = difference(parseFlags(known.flags), now);
      if (isNothing(change)) continue;
      changed.push({ uid, flags: formatFlags(now) });
      const [here] = known.localUid === undefined ? [] : mailbox.summaries([known.localUid]);
      if (here === undefined) continue;
      const missing = stillMissing(change, sharedFlags(here.flags));
      if (isNothing(missing)) continue;
      const key = `${missing.add.join(" ")}|${missing.remove.join(" ")}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { change: missing, uids: [here.uid] });
      else group.uids.push(here.uid);
    }
    for (const { change, uids } of groups.values()) {
      if (change.add.length > 0) await mailbox.changeFlags(uids, "add", change.add, { origin });
      if (change.remove.length > 0) await mailbox.changeFlags(uids, "remove", change.remove, { origin });
    }
    if (changed.length > 0)
      await db.commit(() => {
        for (const { uid, flags } of changed) ledger.setFlags(folder.id, uid, flags);
      });
  }
}

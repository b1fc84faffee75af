import type { MailboxView } from "../view.ts";
import { normaliseSet, type SequenceSet } from "../wire/sequence-set.ts";
import type { SearchKey } from "./search-key.ts";

/**
 * The key with UIDs in place of sequence numbers and of `$`: what they named when the command came is what they name
 * for as long as its result is followed (RFC 5267 section 4.3).
 */
export function freezeKey(view: MailboxView, key: SearchKey): SearchKey {
  switch (key.kind) {
    case "and":
      return { kind: "and", keys: key.keys.map((part) => freezeKey(view, part)) };
    case "or":
      return { kind: "or", keys: [freezeKey(view, key.keys[0]), freezeKey(view, key.keys[1])] };
    case "not":
      return { kind: "not", key: freezeKey(view, key.key) };
    case "sequence":
      if (key.set === "$") return { kind: "sequence", uid: true, set: runs(view.resolve("$", false)) };
      return key.uid ? key : { kind: "sequence", uid: true, set: uidRanges(view, key.set) };
    default:
      return key;
  }
}

/** No UID comes up between two that are there, so that a range of sequence numbers stays one of UIDs. */
function uidRanges(view: MailboxView, set: SequenceSet): SequenceSet {
  const ranges: [number, number][] = [];
  for (const [from, to] of normaliseSet(set, view.size)) {
    const [first, last] = [view.uids[from - 1], view.uids[Math.min(to, view.size) - 1]];
    if (first !== undefined && last !== undefined) ranges.push([first, last]);
  }
  return ranges;
}

function runs(uids: readonly number[]): SequenceSet {
  const ranges: [number, number][] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] + 1 === uid) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}

import type { ImapFlow } from "imapflow";
import { MAX_LETTERS } from "./limits.ts";
import { ProtocolBreach } from "./protocol-breach.ts";

/** Letters that may have come between SELECT and SEARCH; of more than that many the server has not told. */
const MAY_HAVE_COME = 10_000;

export interface UidSearch {
  /** The lowest UID that is wanted. */
  readonly from?: number;
  /** A search in Gmail's own language (X-GM-RAW) that the letters have to fit. */
  readonly only?: string | undefined;
}

/** The UIDs of the selected folder, ascending, each once. @throws ProtocolBreach, and what the connection throws */
export async function searchUids(client: ImapFlow, { from = 1, only }: UidSearch = {}): Promise<number[]> {
  const selected = client.mailbox;
  if (selected === false) throw new ProtocolBreach("no folder is open");
  const query = {
    ...(from > 1 ? { uid: `${from}:*` } : { all: true }),
    ...(only !== undefined && { gmraw: only }),
  };
  const found = await client.search(query, { uid: true, returnOptions: ["ALL"] });
  if (found === false || found === undefined) throw new ProtocolBreach("the server did not tell its letters");
  const most = Math.min(MAX_LETTERS, selected.exists + MAY_HAVE_COME);
  const uids = Array.isArray(found) ? found : expandUids(found.all, most);
  if (uids.length > most) throw new ProtocolBreach("the server names more letters than there are");
  // `7:*` names the last letter even where its UID is lower (RFC 9051 section 9).
  return [...new Set(uids.filter((uid) => isUid(uid) && uid >= from))].sort((a, b) => a - b);
}

export function isUid(uid: unknown): uid is number {
  return Number.isInteger(uid) && (uid as number) > 0 && (uid as number) <= 0xffffffff;
}

/** A sequence set as numbers. @throws ProtocolBreach where it names more than that */
export function expandUids(set: string | undefined, most: number): number[] {
  const uids: number[] = [];
  for (const range of set === undefined || set === "" ? [] : set.split(",")) {
    const [first = Number.NaN, last = first] = range.split(":").map(Number);
    if (!isUid(first) || !isUid(last)) throw new ProtocolBreach("the server names letters by what is no UID");
    const [low, high] = [Math.min(first, last), Math.max(first, last)];
    if (uids.length + high - low + 1 > most) throw new ProtocolBreach("the server names more letters than there are");
    for (let uid = low; uid <= high; uid++) uids.push(uid);
  }
  return uids;
}

/** A sequence set: `3:5,9` (RFC 9051 section 9); for ascending UIDs. */
export function formatUids(uids: readonly number[]): string {
  const ranges: string[] = [];
  for (let at = 0; at < uids.length; ) {
    let end = at;
    while (uids[end + 1] === (uids[end] ?? 0) + 1) end++;
    ranges.push(end === at ? `${uids[at]}` : `${uids[at]}:${uids[end]}`);
    at = end + 1;
  }
  return ranges.join(",");
}

import type { FetchMessageObject, ImapFlow } from "imapflow";
import { FIRST_PIECE, MAX_LETTERS, PIECE } from "../limits.ts";

/** The provider broke the protocol; the connection is not to be used on. */
export class ProtocolBreach extends Error {
  override name = "ProtocolBreach";
}

/** Whether the provider itself said no to a command (RFC 9051 section 7.1); after any other error nothing is certain any more. */
export function isRefusedCommand(error: unknown): boolean {
  const { responseStatus } = error as { responseStatus?: unknown };
  return responseStatus === "NO" || responseStatus === "BAD";
}

/** A letter at the provider; a long one has to be fetched by itself. */
export interface RemoteLetter {
  readonly uid: number;
  readonly flags: readonly string[];
  /** Milliseconds since 1970; undefined where nothing tells. */
  readonly internalDate: number | undefined;
  /** Octets, as the provider says. */
  readonly size: number;
  /** All of it; undefined where it is long. */
  readonly content: Buffer | undefined;
}

/** The UIDs of the selected folder, ascending, each once; those from `from` on alone. @throws ProtocolBreach, and what the connection throws */
export async function searchUids(client: ImapFlow, from = 1): Promise<number[]> {
  const selected = client.mailbox;
  if (selected === false) throw new ProtocolBreach("no folder is open");
  const query = from > 1 ? { uid: `${from}:*` } : { all: true };
  const found = await client.search(query, { uid: true, returnOptions: ["ALL"] });
  if (found === false || found === undefined) throw new ProtocolBreach("the provider did not tell its letters");
  const most = Math.min(MAX_LETTERS, selected.exists + 10_000);
  const uids = Array.isArray(found) ? found : expandUids(found.all, most);
  if (uids.length > most) throw new ProtocolBreach("the provider names more letters than there are");
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
    if (!isUid(first) || !isUid(last)) throw new ProtocolBreach("the provider names letters by what is no UID");
    const [low, high] = [Math.min(first, last), Math.max(first, last)];
    if (uids.length + high - low + 1 > most) throw new ProtocolBreach("the provider names more letters than there are");
    for (let uid = low; uid <= high; uid++) uids.push(uid);
  }
  return uids;
}

/** `3:5,9` (RFC 9051 section 9); for ascending UIDs. */
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

/**
 * Fetches letters of the selected folder without changing them, as they come; what was not asked for, or comes again, is
 * passed over. @throws ProtocolBreach, and what the connection throws
 */
export async function* fetchLetters(client: ImapFlow, uids: readonly number[]): AsyncGenerator<RemoteLetter> {
  const asked = new Set(uids);
  const items = {
    uid: true,
    flags: true,
    internalDate: true,
    size: true,
    source: { start: 0, maxLength: FIRST_PIECE },
  };
  for await (const found of client.fetch(formatUids(uids), items, { uid: true })) {
    const { uid, source } = found;
    if (source === undefined || !asked.delete(uid)) continue;
    if (source.length > FIRST_PIECE) throw new ProtocolBreach("the provider sends more of a letter than was asked for");
    yield {
      uid,
      flags: [...(found.flags ?? [])],
      internalDate: dateOf(found),
      size: found.size ?? source.length,
      content: source.length === FIRST_PIECE ? undefined : source,
    };
  }
}

/** A long letter in pieces; memory holds one of them. @throws ProtocolBreach, and what the connection throws */
export async function* fetchPieces(client: ImapFlow, uid: number): AsyncGenerator<Buffer> {
  for (let start = 0; ; start += PIECE) {
    const items = { uid: true, source: { start, maxLength: PIECE } };
    const found = await client.fetchOne(String(uid), items, { uid: true });
    if (found === false || found.uid !== uid) throw new ProtocolBreach("a letter went away while it was read");
    const { source = Buffer.alloc(0) } = found;
    if (source.length > PIECE) throw new ProtocolBreach("the provider sends more of a letter than was asked for");
    if (source.length > 0) yield source;
    if (source.length < PIECE) return;
  }
}

/** The flags of letters of the selected folder; of those alone that changed since, where the provider can tell. */
export async function* fetchFlags(
  client: ImapFlow,
  changedSince?: bigint,
): AsyncGenerator<{ readonly uid: number; readonly flags: readonly string[] }> {
  const options = { uid: true, ...(changedSince !== undefined && { changedSince }) };
  for await (const { uid, flags } of client.fetch("1:*", { uid: true, flags: true }, options))
    if (isUid(uid) && flags !== undefined) yield { uid, flags: [...flags] };
}

function dateOf({ internalDate }: FetchMessageObject): number | undefined {
  const time = internalDate === undefined ? Number.NaN : new Date(internalDate).getTime();
  return Number.isFinite(time) && time >= 0 ? time : undefined;
}

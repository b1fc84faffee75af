import type { FetchMessageObject, ImapFlow } from "imapflow";
import type { ImportedMessage } from "../message-source.ts";
import { FIRST_PIECE, PIECE } from "./limits.ts";

/** A message of the server's mailbox, or the fact that it has to be fetched by itself. */
export type RemoteLetter =
  | { readonly uid: number; readonly message: ImportedMessage }
  | { readonly uid: number; readonly long: Described; readonly size: number };

/** All of a message but its content. */
export type Described = Omit<ImportedMessage, "content"> & { readonly remoteUid: number };

/** The server broke the protocol; the connection is not to be used on. */
export class ProtocolBreach extends Error {
  override name = "ProtocolBreach";
}

/** The UIDs of the selected mailbox, ascending, each once. @throws ProtocolBreach, and what the connection throws */
export async function searchUids(client: ImapFlow): Promise<number[]> {
  const found = await client.search({ all: true }, { uid: true });
  if (found === false || found === undefined) throw new ProtocolBreach("the server did not tell its messages");
  const valid = found.filter((uid) => Number.isInteger(uid) && uid > 0 && uid <= 0xffffffff);
  return [...new Set(valid)].sort((a, b) => a - b);
}

/**
 * Fetches messages of the selected mailbox without changing them, as they come; what was not asked for, or comes again,
 * is passed over. @throws ProtocolBreach, and what the connection throws
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
    if (source.length > FIRST_PIECE) throw new ProtocolBreach("the server sends more of a message than was asked for");
    const described = describe(found);
    if (source.length === FIRST_PIECE) yield { uid, long: described, size: found.size ?? 0 };
    else yield { uid, message: { ...described, content: only(source) } };
  }
}

/** A long message in pieces; memory holds one of them. @throws ProtocolBreach, and what the connection throws */
export async function* fetchPieces(client: ImapFlow, uid: number): AsyncGenerator<Buffer> {
  for (let start = 0; ; start += PIECE) {
    const items = { uid: true, source: { start, maxLength: PIECE } };
    const found = await client.fetchOne(String(uid), items, { uid: true });
    if (found === false || found === undefined || found.uid !== uid)
      throw new ProtocolBreach("a message went away while it was read");
    const { source = Buffer.alloc(0) } = found;
    if (source.length > PIECE) throw new ProtocolBreach("the server sends more of a message than was asked for");
    if (source.length > 0) yield source;
    if (source.length < PIECE) return;
  }
}

/** A sequence set: `3:5,9` (RFC 9051 section 9). */
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

function describe({ uid, flags, internalDate }: FetchMessageObject): Described {
  const time = internalDate === undefined ? Number.NaN : new Date(internalDate).getTime();
  return {
    remoteUid: uid,
    flags: [...(flags ?? [])],
    internalDate: Number.isFinite(time) && time >= 0 ? time : undefined,
  };
}

async function* only(octets: Buffer): AsyncGenerator<Buffer> {
  yield octets;
}

import type { FetchMessageObject, ImapFlow } from "imapflow";
import { FIRST_PIECE, PIECE } from "./limits.ts";
import { ProtocolBreach } from "./protocol-breach.ts";
import { formatUids, isUid } from "./uids.ts";

/** A letter at the server; a long one has to be fetched by itself. */
export interface RemoteLetter {
  readonly uid: number;
  readonly flags: readonly string[];
  /** Milliseconds since 1970; undefined where nothing tells. */
  readonly internalDate: number | undefined;
  /** Octets, as the server says. */
  readonly size: number;
  /** All of it; undefined where it is long. */
  readonly content: Buffer | undefined;
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
    if (source.length > FIRST_PIECE) throw new ProtocolBreach("the server sends more of a letter than was asked for");
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
    if (found === false || found === undefined || found.uid !== uid)
      throw new ProtocolBreach("a letter went away while it was read");
    const { source = Buffer.alloc(0) } = found;
    if (source.length > PIECE) throw new ProtocolBreach("the server sends more of a letter than was asked for");
    if (source.length > 0) yield source;
    if (source.length < PIECE) return;
  }
}

/** The flags of letters of the selected folder; of those alone that changed since, where the server can tell. */
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

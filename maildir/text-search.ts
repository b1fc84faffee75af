import { setImmediate } from "node:timers/promises";
import { Failure } from "../foundation/failure.ts";
import { decodedBody, decodedHeader } from "../mime/decoded-text.ts";
import { fold, searchablePhrase } from "./folded-text.ts";
import { FEW_MESSAGES, WORK_SLICE } from "./limits.ts";
import type { SearchPlace } from "./message.ts";
import type { MaildirMailbox } from "./store.ts";
import type { TextIndex } from "./text-index.ts";

/** Looks for a folded needle in a text that comes in pieces; what could be the needle's beginning is kept between them. */
async function contains(pieces: AsyncIterable<string>, needle: string, turn: () => Promise<void>): Promise<boolean> {
  let kept = "";
  for await (const piece of pieces) {
    const text = kept + fold(piece);
    if (text.includes(needle)) return true;
    kept = needle.length > 1 ? text.slice(1 - needle.length) : "";
    await turn();
  }
  return false;
}

type Searched = Pick<MaildirMailbox, "headers" | "structure" | "read"> & { readonly row: number };

/**
 * Those of the ascending UIDs whose text holds the needle: by the index where it can tell, else by looking at the texts.
 * Both give the same answers. Works in slices of a few milliseconds, so that others are served meanwhile; a damaged
 * message does not match. @throws the signal's reason
 */
export async function searchText(
  index: TextIndex,
  mailbox: Searched,
  where: SearchPlace,
  needle: string,
  uids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<number>> {
  const asked = uids.length > FEW_MESSAGES ? searchablePhrase(fold(needle)) : undefined;
  if (asked === undefined) return await scanTexts(mailbox, where, needle, uids, signal);
  // Before the index is asked: what is indexed meanwhile is then looked at twice instead of never.
  const uncovered = new Set(index.uncovered(mailbox.row));
  const columns: readonly ("header" | "body")[] =
    where === "text" ? ["header", "body"] : [where === "body" ? "body" : "header"];
  const hits = new Set<number>();
  for (const column of columns) {
    for (let from: number | undefined = 0; from !== undefined; ) {
      signal?.throwIfAborted();
      const { contents, next } = index.matches(column, asked.phrase, from);
      if (contents.length > 0) for (const uid of index.uidsOf(mailbox.row, contents)) hits.add(uid);
      from = next;
      if (next !== undefined) await setImmediate();
    }
  }
  const certain = asked.whole && typeof where === "string";
  const unclear = uids.filter((uid) => uncovered.has(uid) || (!certain && hits.has(uid)));
  const found = unclear.length === 0 ? [] : await scanTexts(mailbox, where, needle, unclear, signal);
  return new Set([...uids.filter((uid) => certain && hits.has(uid) && !uncovered.has(uid)), ...found]);
}

/** Looks at each message's text. */
export async function scanTexts(
  mailbox: Searched,
  where: SearchPlace,
  needle: string,
  uids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<number>> {
  const wanted = fold(needle);
  const found = new Set<number>();
  let sliceEnd = performance.now() + WORK_SLICE;
  const turn = async (): Promise<void> => {
    if (performance.now() < sliceEnd) return;
    await setImmediate();
    signal?.throwIfAborted();
    sliceEnd = performance.now() + WORK_SLICE;
  };
  const inHeader = (uid: number, name?: string): boolean => {
    const [header] = mailbox.headers([uid]);
    const text = header === undefined ? undefined : decodedHeader(header, name);
    return text !== undefined && fold(text).includes(wanted);
  };
  const inBody = async (uid: number): Promise<boolean> => {
    const structure = mailbox.structure(uid);
    if (structure === undefined) return false;
    if (wanted === "") return true;
    try {
      return await contains(
        decodedBody(structure, (start, end) => mailbox.read(uid, start, end)),
        wanted,
        turn,
      );
    } catch (error) {
      if (error instanceof Failure && (error.code === "damaged" || error.code === "nonexistent")) return false;
      throw error;
    }
  };
  signal?.throwIfAborted();
  for (const uid of uids) {
    await turn();
    if (typeof where === "object" ? inHeader(uid, where.header) : where === "text" && inHeader(uid)) found.add(uid);
    else if (typeof where === "string" && (await inBody(uid))) found.add(uid);
  }
  return found;
}

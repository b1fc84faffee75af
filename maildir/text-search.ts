import { Failure } from "../foundation/failure.ts";
import { decodedBody, decodedHeader } from "../mime/decoded-text.ts";
import { fold, searchablePhrase } from "./folded-text.ts";
import { FEW_MESSAGES } from "./limits.ts";
import type { SearchPlace } from "./message.ts";
import type { MaildirMailbox } from "./store.ts";
import { contentOf, type TextColumn, type TextIndex } from "./text-index.ts";
import { turnTaker } from "./turns.ts";

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

type Searched = Pick<MaildirMailbox, "headers" | "headerFields" | "structure" | "read"> & {
  /** Which content each of the messages has; undefined where there is no such message. */
  contents(uids: readonly number[]): readonly (number | undefined)[];
};

/** Where a text is looked at; `header`: in all fields of it. */
type TextPlace = SearchPlace | "header";

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
  const turn = turnTaker(signal);
  const contents = mailbox.contents(uids);
  await turn();
  const having = (fits: (content: number) => boolean): number[] =>
    uids.filter((_, at) => contents[at] !== undefined && fits(contents[at]));
  // Before the index is asked: what is indexed meanwhile is then looked at twice instead of never.
  const isUncovered = index.uncovered();
  const query = { index, covered: contentsAmong(contents, isUncovered), phrase: asked.phrase, turn };
  await turn();
  const found = await scanTexts(mailbox, where, needle, having(isUncovered), signal);
  if (where !== "body") {
    const held = await holding(query, "header");
    const place = where === "text" ? "header" : where;
    for (const uid of await scanTexts(
      mailbox,
      place,
      needle,
      having((content) => held.has(content)),
      signal,
    ))
      found.add(uid);
  }
  if (typeof where === "string") {
    const held = await holding(query, "body");
    const candidates = having((content) => held.has(content));
    const sure = asked.whole ? candidates : await scanTexts(mailbox, "body", needle, candidates, signal);
    for (const uid of sure) found.add(uid);
  }
  return found;
}

interface PhraseQuery {
  readonly index: TextIndex;
  /** Whether a content is of the messages that are asked about, and the index covers it. */
  readonly covered: (content: number) => boolean;
  readonly phrase: string;
  readonly turn: () => Promise<void>;
}

/** Tells of a content whether it is one of these, but for some. They lie close together: an octet for each is less than a set. */
function contentsAmong(
  contents: readonly (number | undefined)[],
  except: (content: number) => boolean,
): (content: number) => boolean {
  let [first, last] = [Number.POSITIVE_INFINITY, 0];
  for (const content of contents) {
    if (content === undefined) continue;
    first = Math.min(first, content);
    last = Math.max(last, content);
  }
  const marks = new Uint8Array(Math.max(0, last - first + 1));
  for (const content of contents) if (content !== undefined && !except(content)) marks[content - first] = 1;
  return (content) => marks[content - first] === 1;
}

/** Which of the contents have bodies that hold the phrase, or headers that may. */
async function holding({ index, covered, phrase, turn }: PhraseQuery, column: TextColumn): Promise<Set<number>> {
  const holders = new Set<number>();
  const needle = Buffer.from(phrase, "utf8");
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { sure, rows, next } = index.candidates(column, phrase, from);
    for (const row of sure) if (covered(contentOf(row))) holders.add(contentOf(row));
    for (const row of rows) {
      const content = contentOf(row);
      if (!covered(content) || holders.has(content)) continue;
      if (column === "header" || index.bodyHolds(row, needle)) holders.add(content);
      await turn();
    }
    from = next;
    await turn();
  }
  return holders;
}

function headerToSearch(mailbox: Searched, uid: number, name: string | undefined): Buffer | undefined {
  if (name === undefined) return mailbox.headers([uid])[0];
  const [fields] = mailbox.headerFields([uid], new Set([name.toLowerCase()]));
  return fields === undefined ? undefined : Buffer.from(fields, "latin1");
}

/** Looks at each message's text. */
export async function scanTexts(
  mailbox: Searched,
  where: TextPlace,
  needle: string,
  uids: readonly number[],
  signal: AbortSignal | undefined,
): Promise<Set<number>> {
  const wanted = fold(needle);
  const found = new Set<number>();
  const turn = turnTaker(signal);
  const inHeader = (uid: number, name?: string): boolean => {
    const header = headerToSearch(mailbox, uid, name);
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
    const header = typeof where === "object" ? where.header : undefined;
    if (where !== "body" && inHeader(uid, header)) found.add(uid);
    else if ((where === "body" || where === "text") && (await inBody(uid))) found.add(uid);
  }
  return found;
}

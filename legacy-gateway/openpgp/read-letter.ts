import { Mutex } from "../../foundation/mutex.ts";
import { readContentFields } from "../../mime/content-fields.ts";
import { splitMessage } from "../../mime/split-message.ts";
import { type Entity, headerOf, parseEntity } from "./entity.ts";
import { type OpenedLetter, openLayers } from "./layers.ts";
import { LOOKED_AT, MAX_OPENED } from "./limits.ts";
import type { ReadingKeys } from "./open-message.ts";
import { fromAddress, protectedFrom } from "./protected-headers.ts";
import { composeOpened, composeSigned, unforgedHeader } from "./shown-letter.ts";
import { type BelongsTo, judgeLetter, type Verdict, verdictKeywords } from "./verdict.ts";

export interface LetterKeys extends ReadingKeys {
  readonly belongsTo: BelongsTo;
}

export interface ReadLetter {
  /** As the mail program is to see it, but for the verdict's field, which belongs on top. */
  readonly content: AsyncIterable<Uint8Array>;
  readonly keywords: readonly string[];
  readonly verdict: Verdict;
  /** What was looked at; undefined for a letter that was too long for it. */
  readonly looked?: { readonly letter: Entity; readonly opened: OpenedLetter };
}

export interface ReadLetterOptions {
  readonly keys: LetterKeys;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Called before the letter is opened, and again once it is: keys in it may be what its signature needs. */
  readonly collect?: (letter: Entity, opened?: OpenedLetter) => Promise<void>;
  /** Letters are opened one after another: each lies in memory several times meanwhile. */
  readonly turns?: Mutex;
}

/**
 * Reads a letter that came by the old road: opens it if it can be opened, and checks what is signed. What is not OpenPGP,
 * or cannot be opened, stays byte for byte but for results that are forged in our name. A letter too long to be opened
 * is passed on as it comes.
 */
export async function readLetter(content: AsyncIterable<Uint8Array>, options: ReadLetterOptions): Promise<ReadLetter> {
  const { head, rest } = await take(content);
  if (rest !== undefined) return await passThrough(chain(head, rest));
  const { turns = new Mutex() } = options;
  return await turns.run(() => open(parseEntity(head), options));
}

async function open(letter: Entity, { keys, now, collect }: ReadLetterOptions): Promise<ReadLetter> {
  await collect?.(letter);
  let opened = await openLayers(letter, keys, now);
  if (opened.payload !== letter) {
    await collect?.(letter, opened);
    // The signer's key may have come inside.
    if (opened.signatures.some(({ result }) => result === "unknown-key")) opened = await openLayers(letter, keys, now);
  }
  const verdict = await judge(letter, opened, keys);
  const keywords = verdictKeywords(verdict);
  const looked = { letter, opened };
  if (opened.encryption === "opened")
    return { content: only(await composeOpened(letter, opened, verdict)), keywords, verdict, looked };
  return { content: only(composeSigned(letter, opened, verdict)), keywords, verdict, looked };
}

/** RFC 9788 section 4.4: another sender inside counts only if that sender's own key says so. */
async function judge(letter: Entity, opened: OpenedLetter, keys: LetterKeys): Promise<Verdict> {
  const belongsTo: BelongsTo = (fingerprint, address) => keys.belongsTo(fingerprint, address);
  const outer = fromAddress(headerOf(letter, letter.root));
  const inner = protectedFrom(opened.payload);
  if (inner !== undefined && inner !== outer) {
    const verdict = await judgeLetter(opened, inner, belongsTo);
    if (verdict.signature.result === "good") return verdict;
  }
  return await judgeLetter(opened, outer, belongsTo);
}

/** The whole letter, or, of one too long to be opened, what was read of it and the rest. */
async function take(content: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; rest?: AsyncIterator<Uint8Array> }> {
  const chunks = content[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  let limit = LOOKED_AT;
  for (;;) {
    const next = await chunks.next();
    if (next.done === true) return { head: Buffer.concat(pieces, length) };
    pieces.push(next.value);
    length += next.value.length;
    if (length <= limit) continue;
    const head = Buffer.concat(pieces, length);
    if (limit === MAX_OPENED || !(await saysOpenPgp(head))) return { head, rest: chunks };
    limit = MAX_OPENED;
  }
}

async function saysOpenPgp(head: Buffer): Promise<boolean> {
  const { header } = await splitMessage(only(head));
  const { type, subtype } = readContentFields(header, false);
  return type === "multipart" && (subtype === "encrypted" || subtype === "signed");
}

async function passThrough(content: AsyncIterable<Uint8Array>): Promise<ReadLetter> {
  const { header, body } = await splitMessage(content);
  const { type, subtype } = readContentFields(header, false);
  const encryption = type === "multipart" && subtype === "encrypted" ? "beyond-limits" : "none";
  const verdict: Verdict = { encryption, signature: { result: "none" }, from: fromAddress(header) };
  const shown = Buffer.concat([unforgedHeader(header), Buffer.from("\r\n")]);
  return { content: chain(shown, body[Symbol.asyncIterator]()), keywords: verdictKeywords(verdict), verdict };
}

async function* only(octets: Buffer): AsyncGenerator<Uint8Array> {
  yield octets;
}

async function* chain(head: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield head;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

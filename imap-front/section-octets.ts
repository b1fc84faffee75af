import { Failure } from "../foundation/failure.ts";
import { selectFields } from "../mime/select-fields.ts";
import { readDecoded } from "./decoded-octets.ts";
import type { SectionItem } from "./fetch-items.ts";
import { locateSection, type Range } from "./section.ts";
import type { Mailbox, MessageSummary } from "./store.ts";

/** A section's octets: at hand as text with one octet per character or as bytes, or to be read while they are sent. */
export type SectionOctets =
  | { readonly kind: "none" }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "number"; readonly value: number }
  /** A short text that may be sent in quotes. */
  | { readonly kind: "string"; readonly text: string }
  /** `literal8`: the octets hold a NUL, which only that form of literal may. */
  | { readonly kind: "bytes"; readonly bytes: Buffer; readonly literal8?: boolean }
  | {
      readonly kind: "stream";
      readonly size: number;
      readonly pieces: AsyncIterable<Uint8Array>;
      readonly literal8?: boolean;
    };

/**
 * Finds a section of a message. What is longer than `buffered` octets comes as a stream whose first piece was read
 * already. @throws Failure damaged, nonexistent
 */
export async function readSection(
  mailbox: Mailbox,
  message: MessageSummary,
  item: SectionItem,
  buffered: number,
): Promise<SectionOctets> {
  const { section, partial } = item;
  if (item.decoded !== undefined) return await readDecoded(mailbox, message, item, buffered);
  if (section.text === "HEADER" && section.part.length === 0) {
    const [header] = mailbox.headers([message.uid]);
    if (header === undefined) throw new Failure("damaged", "a message cannot be read");
    if (section.fields !== undefined)
      return cutText(selectFields(header.toString("latin1"), section.fields.names, section.fields.not), partial);
    return { kind: "bytes", bytes: partial ? header.subarray(partial.start, partial.start + partial.length) : header };
  }
  const range = findRange(mailbox, message, item);
  if (range === undefined) return { kind: "none" };
  if (section.fields !== undefined) {
    const header = await readAll(mailbox, message.uid, range);
    return cutText(selectFields(header.toString("latin1"), section.fields.names, section.fields.not), partial);
  }
  const start = Math.min(range.end, range.start + (partial?.start ?? 0));
  const end = partial === undefined ? range.end : Math.min(range.end, start + partial.length);
  if (end - start <= buffered) return { kind: "bytes", bytes: await readAll(mailbox, message.uid, { start, end }) };
  return { kind: "stream", size: end - start, pieces: await begun(mailbox.read(message.uid, start, end)) };
}

function findRange(mailbox: Mailbox, message: MessageSummary, item: SectionItem): Range | undefined {
  const { part, text } = item.section;
  if (part.length === 0 && text === undefined) return { start: 0, end: message.size };
  const root = mailbox.structure(message.uid);
  if (root === undefined) throw new Failure("damaged", "a message cannot be read");
  return locateSection(root, item.section);
}

function cutText(text: string, partial: SectionItem["partial"]): SectionOctets {
  return {
    kind: "text",
    text: partial === undefined ? text : text.slice(partial.start, partial.start + partial.length),
  };
}

async function readAll(mailbox: Mailbox, uid: number, range: Range): Promise<Buffer> {
  const size = range.end - range.start;
  if (size === 0) return Buffer.alloc(0);
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of mailbox.read(uid, range.start, range.end)) {
    pieces.push(piece);
    length += piece.length;
  }
  if (length !== size) throw new Failure("damaged", "a message is shorter than it was when it came");
  const only = pieces.length === 1 ? pieces[0] : undefined;
  return only === undefined ? Buffer.concat(pieces, length) : Buffer.from(only.buffer, only.byteOffset, only.length);
}

/** Reads the first piece now, so that a damaged message fails before anything of it was promised. */
export async function begun(pieces: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  let given = false;
  // No generator: one that was not begun would not end the reading when it is let go of.
  const rest: AsyncIterator<Uint8Array> = {
    async next() {
      if (given) return await iterator.next();
      given = true;
      return first;
    },
    async return() {
      await iterator.return?.();
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => rest };
}

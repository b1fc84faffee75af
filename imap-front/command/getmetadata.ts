import { annotationSubject, annotationsOf, checkEntry } from "../annotation-entries.ts";
import { formatEntry } from "../annotation-news.ts";
import type { Handler } from "../dispatch.ts";
import type { LoggedIn } from "../state.ts";
import { formatMailbox, formatString8 } from "../wire/format.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";

interface Options {
  readonly maxSize: number;
  readonly depth: number;
}

/**
 * RFC 5464 section 4.2: `[SP options] SP mailbox SP entries`. The document's examples have the options after the mailbox
 * and several entries without parentheses; both are taken. A named entry without a value is told as NIL, unless DEPTH
 * asks for what is below it.
 */
export const getMetadata: Handler<LoggedIn> = async (session, state, args) => {
  let options: Options = { maxSize: Number.POSITIVE_INFINITY, depth: 0 };
  args.space();
  if (args.peek() === "(") {
    options = parseOptions(parseWords(args));
    args.space();
  }
  const name = args.mailbox();
  let wanted: string[] = [];
  do {
    args.space();
    const words = args.peek() === "(" ? parseWords(args) : [args.astring()];
    if (wanted.length === 0 && words[0]?.startsWith("/") === false) options = parseOptions(words);
    else wanted.push(...words);
  } while (!args.atEnd || wanted.length === 0);
  wanted = [...new Set(wanted.map((entry) => entry.toLowerCase()))];
  if (wanted.length > session.limits.annotationsAsked) throw new SyntaxFailure("too many entries");
  for (const entry of wanted) checkEntry(entry, session.limits.annotationNameOctets, true);

  const subject = annotationSubject(state.store, name);
  const stored = annotationsOf(subject);
  const values = new Map<string, string | undefined>();
  for (const entry of wanted) {
    if (stored.has(entry) || options.depth === 0) values.set(entry, stored.get(entry));
    for (const [below, value] of stored) if (isBelow(below, entry, options.depth)) values.set(below, value);
  }
  let longest = 0;
  const told: string[] = [];
  for (const [entry, value] of values) {
    if (value !== undefined && value.length > options.maxSize) longest = Math.max(longest, value.length);
    else told.push(`${formatEntry(entry)} ${value === undefined ? "NIL" : formatString8(value)}`);
  }
  if (told.length > 0) {
    const label = formatMailbox(subject.mailbox?.name ?? "", session.utf8Names);
    session.output.write(`* METADATA ${label} (${told.join(" ")})\r\n`);
  }
  return `${longest > 0 ? `[METADATA LONGENTRIES ${longest}] ` : ""}GETMETADATA completed`;
};

function parseWords(args: Scanner): string[] {
  const words = args.list(() => args.astring());
  if (words.length === 0) throw new SyntaxFailure("expected something in the parentheses");
  return words;
}

/** `MAXSIZE n` and `DEPTH (0 / 1 / infinity)`, as words. */
function parseOptions(words: readonly string[]): Options {
  const options = { maxSize: Number.POSITIVE_INFINITY, depth: 0 };
  for (let at = 0; at < words.length; at += 2) {
    const [name, value = ""] = [words[at]?.toUpperCase(), words[at + 1]];
    if (name === "MAXSIZE" && /^\d{1,10}$/.test(value)) options.maxSize = Number(value);
    else if (name === "DEPTH" && /^(?:0|1|infinity)$/i.test(value))
      options.depth = value.length > 1 ? Number.POSITIVE_INFINITY : Number(value);
    else throw new SyntaxFailure("the options are MAXSIZE with a number, and DEPTH with 0, 1 or infinity");
  }
  return options;
}

/** Up to so many levels below. */
function isBelow(entry: string, root: string, depth: number): boolean {
  return entry.startsWith(`${root}/`) && entry.slice(root.length + 1).split("/").length <= depth;
}

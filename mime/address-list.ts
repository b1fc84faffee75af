import { MAX_ADDRESS_TEXT } from "./limits.ts";

/** A mailbox of RFC 5322 section 3.4. Texts are octets as latin1, quoting removed, RFC 2047 not applied. */
export interface MailboxAddress {
  readonly kind: "mailbox";
  /** The display name; where there is none, an old-style comment after the address. */
  readonly name: string | undefined;
  /** The obsolete source route, `@a,@b`. */
  readonly route: string | undefined;
  readonly local: string;
  /** Empty where the address has no `@`. */
  readonly domain: string;
}

export interface GroupAddress {
  readonly kind: "group";
  readonly name: string;
  readonly members: readonly MailboxAddress[];
}

export type Address = MailboxAddress | GroupAddress;

interface Token {
  /** `word`, or the special itself. */
  readonly kind: "word" | "@" | "." | "<" | ">" | "," | ";" | ":" | "comment";
  readonly text: string;
  /** Blanks or a comment stand before it. */
  readonly spaced: boolean;
}

/** Every mailbox in an address-list, those in groups too. */
export function mailboxesIn(value: string): MailboxAddress[] {
  return parseAddressList(value).flatMap((address) => (address.kind === "group" ? address.members : [address]));
}

/** Reads an address-list in modern, obsolete and broken syntax; never throws. What is no address at all is left out. */
export function parseAddressList(value: string): Address[] {
  const tokens = tokenize(value.slice(0, MAX_ADDRESS_TEXT));
  const addresses: Address[] = [];
  let group: { kind: "group"; name: string; members: MailboxAddress[] } | undefined;
  let start = 0;
  let angle = false;
  let at = false;
  const finish = (end: number) => {
    const mailbox = readMailbox(tokens.slice(start, end));
    if (mailbox !== undefined) (group?.members ?? addresses).push(mailbox);
    start = end + 1;
    angle = false;
    at = false;
  };
  for (const [index, { kind }] of tokens.entries()) {
    if (kind === "<") angle = true;
    else if (kind === ">") angle = false;
    else if (kind === "@") at = true;
    else if (kind === "," && !(angle && isRoute(tokens, index))) finish(index);
    else if (kind === ";") {
      finish(index);
      group = undefined;
    } else if (kind === ":" && !angle && !at && group === undefined) {
      group = { kind: "group", name: joinWords(tokens.slice(start, index)), members: [] };
      addresses.push(group);
      start = index + 1;
    }
  }
  finish(tokens.length);
  return addresses;
}

/** A comma inside `<@a,@b:c@d>` separates the hosts of a source route. */
function isRoute(tokens: readonly Token[], comma: number): boolean {
  const next = tokens[comma + 1]?.kind;
  return next === "@" || next === ",";
}

function readMailbox(tokens: readonly Token[]): MailboxAddress | undefined {
  const comments = tokens.filter((token) => token.kind === "comment");
  const words = tokens.filter((token) => token.kind !== "comment");
  const open = words.findIndex((token) => token.kind === "<");
  const comment = comments.at(-1)?.text;
  if (open < 0) {
    const bare = words.filter((token) => token.kind !== ">");
    return readAddrSpec(bare, comment);
  }
  const close = words.findIndex((token, index) => index > open && token.kind === ">");
  const inner = words.slice(open + 1, close < 0 ? undefined : close);
  const name = joinWords(words.slice(0, open)) || comment;
  if (inner.length === 0) return name === undefined ? undefined : { ...EMPTY, name };
  const colon = inner.findLastIndex((token) => token.kind === ":");
  const route = colon > 0 && inner[0]?.kind === "@" ? inner.slice(0, colon).map((token) => token.text) : undefined;
  const spec = splitAddrSpec(route === undefined ? inner : inner.slice(colon + 1));
  return { kind: "mailbox", name, route: route?.join(""), ...spec };
}

const EMPTY = { kind: "mailbox", name: undefined, route: undefined, local: "", domain: "" } as const;

/** `local@domain` without brackets; words before it that stand apart are a display name somebody forgot to quote. */
function readAddrSpec(words: readonly Token[], comment: string | undefined): MailboxAddress | undefined {
  if (words.length === 0) return undefined;
  const at = words.findLastIndex((token) => token.kind === "@");
  if (at < 0) return { ...EMPTY, name: comment, local: joinWords(words) };
  let start = Math.max(0, at - 1);
  while (start > 0 && joined(words[start - 1], words[start])) start--;
  const name = joinWords(words.slice(0, start));
  return { ...EMPTY, name: name || comment, ...splitAddrSpec(words.slice(start)) };
}

/** Whether two neighbours belong to one local part; blanks around a dot are obsolete syntax, not an end. */
function joined(before: Token | undefined, token: Token | undefined): boolean {
  return token?.spaced !== true || token.kind === "." || before?.kind === ".";
}

function splitAddrSpec(words: readonly Token[]): { local: string; domain: string } {
  const at = words.findLastIndex((token) => token.kind === "@");
  const text = (part: readonly Token[]) => part.map((token) => token.text).join("");
  if (at < 0) return { local: text(words), domain: "" };
  return { local: text(words.slice(0, at)), domain: text(words.slice(at + 1)) };
}

function joinWords(tokens: readonly Token[]): string {
  let text = "";
  for (const token of tokens) {
    if (token.kind === "comment") continue;
    text += text !== "" && token.spaced ? ` ${token.text}` : token.text;
  }
  return text;
}

/** Up to the next special or blank. */
const REST_OF_WORD = /[^\s"(<>,;:@.[\]]*/y;

function tokenize(value: string): Token[] {
  const tokens: Token[] = [];
  let spaced = false;
  let at = 0;
  while (at < value.length) {
    const character = value[at] as string;
    if (character <= " ") {
      spaced = true;
      at++;
      continue;
    }
    let kind: Token["kind"] = "word";
    let text: string;
    if (character === '"') {
      ({ text, end: at } = delimited(value, at, '"'));
    } else if (character === "(") {
      kind = "comment";
      ({ text, end: at } = readComment(value, at));
    } else if (character === "[") {
      ({ text, end: at } = delimited(value, at, "]"));
      text = `[${text}]`;
    } else if ("<>,;:@.".includes(character)) {
      kind = character as Token["kind"];
      text = character;
      at++;
    } else {
      const start = at;
      at = wordEnd(value, start);
      text = value.slice(start, at);
    }
    tokens.push({ kind, text, spaced });
    spaced = kind === "comment";
  }
  return tokens;
}

function wordEnd(value: string, start: number): number {
  REST_OF_WORD.lastIndex = start + 1;
  REST_OF_WORD.test(value);
  return REST_OF_WORD.lastIndex;
}

function delimited(value: string, start: number, close: string): { text: string; end: number } {
  let text = "";
  let at = start + 1;
  for (; at < value.length && value[at] !== close; at++) {
    if (value[at] === "\\" && at + 1 < value.length) at++;
    text += value[at];
  }
  return { text, end: at + 1 };
}

/** Comments nest (RFC 5322 section 3.2.2); one that is not closed reaches to the end. */
function readComment(value: string, start: number): { text: string; end: number } {
  let depth = 1;
  let text = "";
  let at = start + 1;
  for (; at < value.length; at++) {
    let character = value[at] as string;
    if (character === "(") depth++;
    else if (character === ")" && --depth === 0) return { text: text.trim(), end: at + 1 };
    else if (character === "\\" && at + 1 < value.length) character = value[++at] as string;
    text += character;
  }
  return { text: text.trim(), end: at };
}

import { existingMailbox } from "./mailbox-argument.ts";
import { CommandFailure } from "./reply.ts";
import type { Annotated, Mailbox, MailStore } from "./store.ts";
import { type Scanner, SyntaxFailure } from "./wire/scanner.ts";

/** RFC 6154 section 4: what the mailbox is for, as LIST says it; not to be set so. */
const SPECIAL_USE = "/private/specialuse";

/** RFC 5464 section 3.2.1.1: how to reach who runs the server, whom no client names. */
const ADMIN = "/shared/admin";

/** Whose annotations: the server's where the name is empty. */
export interface Subject {
  readonly mailbox: Mailbox | undefined;
  readonly annotated: Annotated;
}

/** @throws CommandFailure NONEXISTENT */
export function annotationSubject(store: MailStore, name: string): Subject {
  const mailbox = name === "" ? undefined : existingMailbox(store, name);
  return { mailbox, annotated: mailbox ?? store };
}

/** `entry` of RFC 5464, in lower case, with its rules of section 3.2. `scope`: whether `/private` and `/shared` will do. */
export function parseEntry(args: Scanner, maxOctets: number, scope: boolean): string {
  const entry = args.astring().toLowerCase();
  checkEntry(entry, maxOctets, scope);
  return entry;
}

/** @throws SyntaxFailure */
export function checkEntry(entry: string, maxOctets: number, scope: boolean): void {
  const [, first = "", ...rest] = entry.split("/");
  // oxlint-disable-next-line no-control-regex
  const wrong = !entry.startsWith("/") || entry.slice(1).split("/").includes("") || /[^\x20-\x7e]|[*%]/.test(entry);
  if (wrong || (first !== "private" && first !== "shared"))
    throw new SyntaxFailure("an entry's name begins with /private/ or /shared/");
  if (entry.length > maxOctets) throw new SyntaxFailure("the entry's name is too long");
  if (scope) return;
  if (rest.length === 0) throw new SyntaxFailure("the entry needs a name below /private or /shared");
  if (rest[0] === "vendor" && rest.length < 3)
    throw new SyntaxFailure("below vendor stand the vendor's token and a name (RFC 5464 section 3.2)");
}

/** All annotations, those that the server makes up itself among them; by their names. */
export function annotationsOf({ mailbox, annotated }: Subject): ReadonlyMap<string, string> {
  const stored = annotated.annotations();
  if (mailbox?.specialUse === undefined) return stored;
  return new Map([...stored, [SPECIAL_USE, mailbox.specialUse]]);
}

/** @throws CommandFailure CANNOT, for what is the server's to say */
export function requireWritable({ mailbox }: Subject, entry: string): void {
  if (entry === SPECIAL_USE && mailbox !== undefined)
    throw new CommandFailure("NO", "CANNOT", "a mailbox gets its special use when it is created");
  if (entry === ADMIN && mailbox === undefined)
    throw new CommandFailure("NO", "CANNOT", "/shared/admin is the server's own entry");
}

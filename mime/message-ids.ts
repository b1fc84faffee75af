import { firstField } from "./header.ts";

/** What a message says of its place in a thread: ids, or names that stand for them. */
export interface MessageLinks {
  readonly id: string | undefined;
  /** Oldest first. */
  readonly references: readonly string[];
}

/** Ids kept of one field: a thread that is longer is cut at its oldest end. */
const MAX_IDS = 1_000;

/** `"<" local "@" domain ">"`; the local part may be quoted and then hold anything. */
const MESSAGE_ID = /<\s*((?:"(?:[^"\\]|\\.)*"|[^<>"@\s])+@[^<>\s]+)\s*>/g;

/** The ids in a Message-ID, In-Reply-To or References value, without brackets, quoting normalised (RFC 5256 section 2). */
export function parseMessageIds(value: string): string[] {
  const ids: string[] = [];
  for (const match of value.matchAll(MESSAGE_ID)) ids.push(normalize(match[1] ?? ""));
  return ids.slice(-MAX_IDS);
}

/** The message's own id; undefined where it has none or a broken one. */
export function messageId(header: Uint8Array): string | undefined {
  return parseMessageIds(firstField(header, "message-id") ?? "")[0];
}

/** Whom the message follows in its thread, oldest first: References, else the first id of In-Reply-To (RFC 5256 section 3). */
export function referencedIds(header: Uint8Array): string[] {
  const references = parseMessageIds(firstField(header, "references") ?? "");
  if (references.length > 0) return references;
  return parseMessageIds(firstField(header, "in-reply-to") ?? "").slice(0, 1);
}

function normalize(id: string): string {
  if (!id.startsWith('"')) return id;
  const at = id.lastIndexOf("@");
  const local = id.slice(1, at - 1).replace(/\\(.)/g, "$1");
  return /^[^\s"<>@\\(),:;[\]]+$/.test(local) ? `${local}${id.slice(at)}` : id;
}

import { selectFields } from "../mime/select-fields.ts";
import type { FetchItem, PlainItem, SectionItem } from "./fetch-items.ts";
import type { Session } from "./session.ts";
import type { MessageSummary } from "./store.ts";
import type { MailboxView } from "./view.ts";
import { formatDateTime } from "./wire/format.ts";

/** An item that is answered from the index, without opening messages. */
export type IndexedItem = PlainItem | HeaderItem;

/** The message's own header, or fields of it. */
type HeaderItem = SectionItem & { readonly decoded?: never };

/** The item with its name, for the message at that place of the batch; undefined where the message is damaged. */
export type ItemColumn = (index: number) => string | undefined;

/** Messages that are answered together. */
export interface Batch {
  readonly session: Session;
  readonly view: MailboxView;
  readonly messages: readonly MessageSummary[];
  readonly uids: readonly number[];
}

export function isIndexedItem(item: FetchItem): item is IndexedItem {
  if (item.kind === "preview") return false;
  if (item.kind !== "section") return true;
  const { section, decoded } = item;
  return decoded === undefined && section.text === "HEADER" && section.part.length === 0;
}

/** Items that a message's summary tells by itself, in a few octets. */
const LIGHT: ReadonlySet<string> = new Set(["UID", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "MODSEQ", "SAVEDATE"]);

export function isLightItem(item: FetchItem): boolean {
  return LIGHT.has(item.kind);
}

/** Reads what the items need for the whole batch; headers once for all of them. */
export function itemColumns(items: readonly IndexedItem[], batch: Batch): ItemColumn[] {
  const headers = headersFor(items.filter(isHeaderItem), batch);
  return items.map((item) => (isHeaderItem(item) ? headerColumn(item, headers) : COLUMNS[item.kind](batch)));
}

function isHeaderItem(item: IndexedItem): item is HeaderItem {
  return item.kind === "section";
}

/** Of each message as much of its header as the items need, with one octet per character. */
function headersFor(items: readonly HeaderItem[], { view: { mailbox }, uids }: Batch): readonly (string | undefined)[] {
  if (items.length === 0) return [];
  const names = items.map(({ section: { fields } }) => (fields === undefined || fields.not ? undefined : fields.names));
  if (names.includes(undefined)) return mailbox.headers(uids).map((header) => header?.toString("latin1"));
  return mailbox.headerFields(uids, new Set(names.flatMap((some) => [...(some ?? [])])));
}

const COLUMNS: Readonly<Record<PlainItem["kind"], (batch: Batch) => ItemColumn>> = {
  UID: each(({ uid }) => `UID ${uid}`),
  FLAGS: ({ messages, view, session }) => {
    const withRecent = !session.rev2;
    return (index) => `FLAGS ${view.formatFlags(messages[index] as MessageSummary, withRecent)}`;
  },
  INTERNALDATE: each(({ internalDate }) => `INTERNALDATE ${formatDateTime(internalDate)}`),
  "RFC822.SIZE": each(({ size }) => `RFC822.SIZE ${size}`),
  MODSEQ: each(({ modSeq }) => `MODSEQ (${modSeq})`),
  EMAILID: each(({ emailId }) => `EMAILID (${emailId})`),
  THREADID: each(({ threadId }) => (threadId === undefined ? "THREADID NIL" : `THREADID (${threadId})`)),
  SAVEDATE: each(({ saveDate }) => `SAVEDATE ${formatDateTime(saveDate)}`),
  ENVELOPE: ({ view, uids }) => named("ENVELOPE", view.mailbox.envelopes(uids)),
  BODYSTRUCTURE: ({ view, uids }) => named("BODYSTRUCTURE", view.mailbox.bodyStructures(uids, true)),
  BODY: ({ view, uids }) => named("BODY", view.mailbox.bodyStructures(uids, false)),
};

function each(format: (message: MessageSummary) => string): (batch: Batch) => ItemColumn {
  return ({ messages }) =>
    (index) =>
      format(messages[index] as MessageSummary);
}

function named(name: string, values: readonly (string | undefined)[]): ItemColumn {
  return (index) => {
    const value = values[index];
    return value === undefined ? undefined : `${name} ${value}`;
  };
}

function headerColumn(
  { label, section: { fields }, partial }: HeaderItem,
  headers: readonly (string | undefined)[],
): ItemColumn {
  return (index) => {
    const header = headers[index];
    if (header === undefined) return undefined;
    let text = fields === undefined ? header : selectFields(header, fields.names, fields.not);
    if (partial !== undefined) text = text.slice(partial.start, partial.start + partial.length);
    return `${label} {${text.length}}\r\n${text}`;
  };
}

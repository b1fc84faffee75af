import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { type MessageLinks, messageId, referencedIds } from "../mime/message-ids.ts";
import { readSortFields, type SortAddresses, type SortFields } from "../mime/sort-fields.ts";
import { type RowsOf, rowsOf } from "./content-columns.ts";
import { idHash } from "./id-hash.ts";
import { MAX_SORTED_REFERENCES } from "./limits.ts";

/** What one content is sorted and threaded by, as it lies in the table. */
export type SortingRow = readonly [
  sent: number | null,
  isReply: number,
  subject: string,
  /** Names of its own id and of those it refers to, with a blank before each of these. */
  links: string,
  /** A JSON list. */
  addresses: string,
];

/** Where it is read from as long as there is no row. */
export interface SortingSource {
  envelopes(contents: readonly (number | undefined)[]): (string | undefined)[];
  headerFields(contents: readonly (number | undefined)[], names: ReadonlySet<string>): (string | undefined)[];
}

type Contents = readonly (number | undefined)[];

const LINKING_FIELDS: ReadonlySet<string> = new Set(["message-id", "references", "in-reply-to"]);

type FieldsRow = readonly [content: number, sent: number | null, isReply: number, subject: string];
type ThreadRow = readonly [...FieldsRow, links: string];

/** Octets of an id's hash that name it: nobody finds two ids of one name by chance. */
const NAME_OCTETS = 9;

/** Of its own id and those it refers to, the hashes. */
export function prepareSorting(envelope: string, id: Buffer | undefined, references: readonly Buffer[]): SortingRow {
  const { sent, subject, isReplyOrForward, from, to, cc, displayFrom, displayTo } = readSortFields(envelope);
  return [
    sent ?? null,
    isReplyOrForward ? 1 : 0,
    subject,
    [id, ...references.slice(-MAX_SORTED_REFERENCES)].map((one) => (one === undefined ? "" : nameOf(one))).join(" "),
    JSON.stringify([from, to, cc, displayFrom, displayTo]),
  ];
}

/** The table of what messages are sorted and threaded by; it is made of the envelope and the header alone. */
export class SortingIndex {
  readonly #source: SortingSource;
  readonly #fields: RowsOf<FieldsRow>;
  readonly #addresses: RowsOf<readonly [content: number, addresses: string]>;
  readonly #threadFields: RowsOf<ThreadRow>;
  readonly #insert: Statement<[number, ...SortingRow], unknown>;
  readonly #unsortedTo: Statement<[], number>;
  readonly #setUnsortedTo: Statement<[number], unknown>;
  readonly #unsorted: Statement<[number, number], number>;

  constructor({ sqlite }: Database, source: SortingSource) {
    this.#source = source;
    this.#fields = rowsOf(sqlite, "maildir_sorting", "content", "sent, is_reply, subject");
    this.#addresses = rowsOf(sqlite, "maildir_sorting", "content", "addresses");
    this.#threadFields = rowsOf(sqlite, "maildir_sorting", "content", "sent, is_reply, subject, links");
    this.#insert = sqlite.prepare("INSERT OR IGNORE INTO maildir_sorting VALUES (?, ?, ?, ?, ?, ?)");
    this.#unsortedTo = sqlite.prepare<[], number>("SELECT unsorted_to FROM maildir_state").pluck();
    this.#setUnsortedTo = sqlite.prepare("UPDATE maildir_state SET unsorted_to = ?");
    this.#unsorted = sqlite
      .prepare<[number, number], number>("SELECT id FROM maildir_content WHERE id <= ? ORDER BY id DESC LIMIT ?")
      .pluck();
  }

  /** Runs inside the caller's transaction. */
  insert(content: number, row: SortingRow): void {
    this.#insert.run(content, ...row);
  }

  /** For each content, in the order they are given; undefined where there is none. */
  fields(contents: Contents): (SortFields | undefined)[] {
    const pick = (content: number, [sent, isReply, subject]: SortingRow): FieldsRow => [
      content,
      sent,
      isReply,
      subject,
    ];
    return this.#orMade(contents, this.#fields(contents), pick).map((row) => {
      if (row === undefined) return undefined;
      const [, sent, isReply, subject] = row;
      return { sent: sent ?? undefined, isReplyOrForward: isReply === 1, subject };
    });
  }

  /** With short names in place of the ids. */
  threadFields(contents: Contents): ((SortFields & MessageLinks) | undefined)[] {
    const pick = (content: number, [sent, isReply, subject, links]: SortingRow): ThreadRow => {
      return [content, sent, isReply, subject, links];
    };
    return this.#orMade(contents, this.#threadFields(contents), pick).map((row) => {
      if (row === undefined) return undefined;
      const [, sent, isReply, subject, links] = row;
      const [id, ...references] = links.split(" ");
      const own = id === "" ? undefined : id;
      return { sent: sent ?? undefined, isReplyOrForward: isReply === 1, subject, id: own, references };
    });
  }

  addresses(contents: Contents): (SortAddresses | undefined)[] {
    const rows = this.#orMade(contents, this.#addresses(contents), (content, row) => [content, row[4]] as const);
    return rows.map((row) => {
      if (row === undefined) return undefined;
      const [from = "", to = "", cc = "", displayFrom = "", displayTo = ""] = JSON.parse(row[1]) as string[];
      return { from, to, cc, displayFrom, displayTo };
    });
  }

  /** Every content has its row. */
  get whole(): boolean {
    return this.#unsortedTo.get() === 0;
  }

  /** Makes so many of the rows that an earlier program did not make; runs inside the caller's transaction. */
  fill(limit: number): void {
    const contents = this.#unsorted.all(this.#unsortedTo.get() ?? 0, limit);
    for (const [index, row] of this.#make(contents).entries())
      if (row !== undefined) this.insert(contents[index] as number, row);
    this.#setUnsortedTo.run(contents.length < limit ? 0 : (contents.at(-1) as number) - 1);
  }

  /** Rows that are not there yet are made of what they are made of. */
  #orMade<R>(
    contents: Contents,
    rows: (R | undefined)[],
    pick: (content: number, row: SortingRow) => R,
  ): (R | undefined)[] {
    const missing = contents.filter((_, index) => rows[index] === undefined);
    if (missing.length === 0) return rows;
    const made = this.#make(missing).values();
    return rows.map((row, index) => {
      if (row !== undefined) return row;
      const { value } = made.next();
      return value === undefined ? undefined : pick(contents[index] as number, value);
    });
  }

  #make(contents: Contents): (SortingRow | undefined)[] {
    const envelopes = this.#source.envelopes(contents);
    const headers = this.#source.headerFields(contents, LINKING_FIELDS);
    return envelopes.map((envelope, index) => {
      if (envelope === undefined) return undefined;
      const header = Buffer.from(headers[index] ?? "", "latin1");
      const own = messageId(header);
      return prepareSorting(envelope, own === undefined ? undefined : idHash(own), referencedIds(header).map(idHash));
    });
  }
}

function nameOf(id: Buffer): string {
  return id.toString("base64url", 0, NAME_OCTETS);
}

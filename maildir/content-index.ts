import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { formatBodyStructure } from "../mime/body-structure.ts";
import { formatEnvelope } from "../mime/envelope.ts";
import { messageId, parseMessageIds, referencedIds } from "../mime/message-ids.ts";
import type { Part } from "../mime/part.ts";
import { decodePart, encodePart } from "../mime/part-codec.ts";
import { selectFields } from "../mime/select-fields.ts";
import { valuesOf } from "./content-columns.ts";
import { idHash } from "./id-hash.ts";
import { MAX_SORTED_REFERENCES, MAX_THREAD_IDS } from "./limits.ts";
import type { WrittenMessage } from "./message-writer.ts";
import { prepareSorting, SortingIndex, type SortingRow } from "./sorting-index.ts";

/** What the index keeps of a message's content, ready to be inserted; made outside of transactions. */
export interface PreparedContent {
  readonly messageId: Buffer | null;
  readonly references: readonly Buffer[];
  readonly hash: Buffer;
  readonly envelope: string;
  readonly bodyStructure: string;
  readonly structure: Buffer;
  readonly header: Buffer;
  /** The header's fields that mail programs list. */
  readonly listing: string;
  readonly sorting: SortingRow;
}

/**
 * Fields that mail programs ask of every message when they open a mailbox, in lower case. They are a third of a header,
 * and lie together.
 */
const LISTED_FIELDS: ReadonlySet<string> = new Set([
  "bcc",
  "cc",
  "content-type",
  "date",
  "from",
  "importance",
  "in-reply-to",
  "lines",
  "list-id",
  "list-post",
  "mail-followup-to",
  "message-id",
  "newsgroups",
  "priority",
  "references",
  "reply-to",
  "sender",
  "subject",
  "to",
  "x-label",
  "x-priority",
]);

export function prepareContent({ contentHash: hash, ...parsed }: WrittenMessage): PreparedContent {
  return { ...prepareParsed(parsed), hash };
}

/** All of it that does not wait for the hash. */
export function prepareParsed({
  header,
  root,
}: Pick<WrittenMessage, "header" | "root">): Omit<PreparedContent, "hash"> {
  const own = messageId(header);
  const id = own === undefined ? undefined : idHash(own);
  const references = referencedIds(header).slice(-Math.max(MAX_SORTED_REFERENCES, MAX_THREAD_IDS)).map(idHash);
  const { envelope = formatEnvelope(header), ...rootWithoutEnvelope } = root;
  return {
    messageId: id ?? null,
    references: references.slice(-MAX_THREAD_IDS),
    envelope,
    bodyStructure: formatBodyStructure(root, true),
    structure: encodePart(rootWithoutEnvelope),
    header,
    listing: selectFields(header.toString("latin1"), LISTED_FIELDS, false),
    sorting: prepareSorting(envelope, id, references),
  };
}

/** The tables of what a message's copies share. Whatever writes runs inside the caller's transaction. */
export class ContentIndex {
  /** What messages are sorted and threaded by. */
  readonly sorting: SortingIndex;
  readonly #insert: Statement<[Buffer | null, Buffer, string], unknown>;
  readonly #insertStructure: Statement<[number, string, Buffer], unknown>;
  readonly #insertHeader: Statement<[number, Buffer], unknown>;
  readonly #insertListing: Statement<[number, string], unknown>;
  readonly #envelopes: ReturnType<typeof valuesOf<string>>;
  readonly #bodyStructures: ReturnType<typeof valuesOf<string>>;
  readonly #headers: ReturnType<typeof valuesOf<Buffer>>;
  readonly #listings: ReturnType<typeof valuesOf<string>>;
  /** The structure that was read last, with its octets. */
  #lastStructure: { readonly octets: Buffer; readonly root: Part } | undefined;
  readonly #structure: Statement<[number, number], { structure: Buffer; envelope: string }>;
  readonly #byMessageId: Statement<[Buffer, number], number>;
  readonly #thread: Statement<[Buffer], string>;
  readonly #joinThread: Statement<[Buffer, string], unknown>;
  readonly #unused: Statement<[string], number>;
  readonly #noteDropped: Statement<[string], unknown>;
  readonly #drop: readonly Statement<[string], unknown>[];

  constructor(db: Database) {
    const { sqlite } = db;
    this.sorting = new SortingIndex(db, this);
    const ofMessage = "(SELECT content FROM maildir_message WHERE mailbox = ? AND uid = ?)";
    this.#insert = sqlite.prepare("INSERT INTO maildir_content (message_id, hash, envelope) VALUES (?, ?, ?)");
    this.#insertStructure = sqlite.prepare("INSERT INTO maildir_structure VALUES (?, ?, ?)");
    this.#insertHeader = sqlite.prepare("INSERT INTO maildir_header VALUES (?, ?)");
    this.#insertListing = sqlite.prepare("INSERT INTO maildir_listing VALUES (?, ?)");
    this.#envelopes = valuesOf(sqlite, "maildir_content", "id", "envelope");
    this.#bodyStructures = valuesOf(sqlite, "maildir_structure", "content", "body_structure");
    this.#headers = valuesOf(sqlite, "maildir_header", "content", "header");
    this.#listings = valuesOf(sqlite, "maildir_listing", "content", "fields");
    this.#structure = sqlite.prepare(
      `SELECT structure, envelope FROM maildir_structure JOIN maildir_content ON id = content WHERE content = ${ofMessage}`,
    );
    this.#byMessageId = sqlite
      .prepare<[Buffer, number], number>(
        `SELECT uid FROM maildir_content JOIN maildir_message ON content = id
         WHERE message_id = ? AND mailbox = ? ORDER BY uid`,
      )
      .pluck();
    this.#thread = sqlite
      .prepare<[Buffer], string>("SELECT thread_id FROM maildir_thread WHERE message_id = ?")
      .pluck();
    this.#joinThread = sqlite.prepare("INSERT OR IGNORE INTO maildir_thread VALUES (?, ?)");
    this.#unused = sqlite
      .prepare<[string], number>(
        `SELECT DISTINCT value FROM json_each(?)
         WHERE NOT EXISTS (SELECT 1 FROM maildir_message WHERE maildir_message.content = value)`,
      )
      .pluck();
    this.#noteDropped = sqlite.prepare("INSERT OR IGNORE INTO maildir_text_garbage SELECT value FROM json_each(?)");
    this.#drop = [
      ["maildir_header", "content"],
      ["maildir_listing", "content"],
      ["maildir_sorting", "content"],
      ["maildir_structure", "content"],
      ["maildir_content", "id"],
    ].map(([table, column]) =>
      sqlite.prepare(`DELETE FROM ${table} WHERE ${column} IN (SELECT value FROM json_each(?))`),
    );
  }

  insert(content: PreparedContent): number {
    const id = Number(this.#insert.run(content.messageId, content.hash, content.envelope).lastInsertRowid);
    this.#insertStructure.run(id, content.bodyStructure, content.structure);
    this.#insertHeader.run(id, content.header);
    this.#insertListing.run(id, content.listing);
    this.sorting.insert(id, content.sorting);
    return id;
  }

  /**
   * The thread of a message: that of its own id, if somebody referred to it before, else of the newest message it
   * refers to, else a new one. All ids it names belong to it from then on.
   */
  joinThread({ messageId: own, references }: PreparedContent, newThread: () => string): string {
    const ids = own === null ? references : [...references, own];
    let thread: string | undefined;
    for (let index = ids.length - 1; index >= 0 && thread === undefined; index--) {
      const id = ids[index];
      if (id !== undefined) thread = this.#thread.get(id);
    }
    thread ??= newThread();
    for (const id of ids) this.#joinThread.run(id, thread);
    return thread;
  }

  /** For each content, in the order they are given; undefined where there is none. */
  envelopes(contents: readonly (number | undefined)[]): (string | undefined)[] {
    return this.#envelopes(contents);
  }

  bodyStructures(contents: readonly (number | undefined)[]): (string | undefined)[] {
    return this.#bodyStructures(contents);
  }

  headers(contents: readonly (number | undefined)[]): (Buffer | undefined)[] {
    return this.#headers(contents);
  }

  /** At least the fields of these names (in lower case), with one octet per character. */
  headerFields(contents: readonly (number | undefined)[], names: ReadonlySet<string>): (string | undefined)[] {
    const isListed = [...names].every((name) => LISTED_FIELDS.has(name));
    const listings = isListed ? this.#listings(contents) : contents.map(() => undefined);
    // Contents that an older program stored have no listing.
    const missing = contents.filter((_, index) => listings[index] === undefined);
    if (missing.length === 0) return listings;
    const headers = this.#headers(missing).values();
    return listings.map((listing) => listing ?? headers.next().value?.toString("latin1"));
  }

  structure(mailbox: number, uid: number): Part | undefined {
    const row = this.#structure.get(mailbox, uid);
    if (row === undefined) return undefined;
    // Programs ask for one part after another, and a message may have thousands.
    if (this.#lastStructure?.octets.equals(row.structure) !== true)
      this.#lastStructure = { octets: row.structure, root: decodePart(row.structure) };
    return { ...this.#lastStructure.root, envelope: row.envelope };
  }

  byMessageId(mailbox: number, id: string): number[] {
    const [parsed = id] = parseMessageIds(id);
    return this.#byMessageId.all(idHash(parsed), mailbox);
  }

  /** Forgets those of the contents that no message has any more; the text index is to forget them later. */
  dropUnused(contents: readonly number[]): void {
    const unused = this.#unused.all(JSON.stringify(contents));
    if (unused.length === 0) return;
    const list = JSON.stringify(unused);
    this.#noteDropped.run(list);
    for (const statement of this.#drop) statement.run(list);
  }
}

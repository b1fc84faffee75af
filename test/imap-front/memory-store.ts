import { createHash } from "node:crypto";
import { Failure } from "../../foundation/failure.ts";
import type {
  AnnotationChange,
  AppendRequest,
  Authenticator,
  CopyResult,
  FlagChange,
  Mailbox,
  MailboxChange,
  MailboxStatus,
  MailStore,
  MessageSummary,
  SpecialUse,
  StorageQuota,
  StoreChange,
} from "../../imap-front/store.ts";
import { provenClientKey, scramKeys, serverSignature } from "../../keyring/scram.ts";
import { formatBodyStructure } from "../../mime/body-structure.ts";
import { decodedBody, decodedHeader } from "../../mime/decoded-text.ts";
import { type MessageLinks, messageId, referencedIds } from "../../mime/message-ids.ts";
import type { Part } from "../../mime/part.ts";
import { readSortFields, type SortAddresses, type SortFields } from "../../mime/sort-fields.ts";
import { StructureParser } from "../../mime/structure-parser.ts";

/** The salt of RFC 7677's example. */
const SCRAM_SALT = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");

interface Stored extends MessageSummary {
  readonly content: Buffer;
  readonly root: Part;
  readonly header: Buffer;
  recent: boolean;
}

/** A store in memory, for the front's tests. Times and ids are counted up, so that transcripts come out the same. */
export class MemoryStore implements MailStore {
  readonly appendLimit: number = 1_000_000;
  quotaLimit = 1e12;
  readonly #mailboxes = new Map<string, MemoryMailbox>();
  readonly #subscriptions = new Set<string>();
  readonly #annotations = new Map<string, string>();
  readonly #listeners = new Set<(change: StoreChange) => void>();
  readonly #annotationListeners = new Set<(change: AnnotationChange) => void>();
  /** The store's idea of the present; milliseconds since 1970. */
  now = Date.UTC(2026, 0, 2, 3, 4, 5);
  #modSeq = 100;
  #ids = 0;

  constructor(folders: Readonly<Record<string, SpecialUse | undefined>> = { INBOX: undefined }) {
    for (const [name, use] of Object.entries(folders)) this.#add(name, use);
  }

  annotations(): ReadonlyMap<string, string> {
    return this.#annotations;
  }

  async setAnnotations(
    values: ReadonlyMap<string, string | undefined>,
    origin?: object,
  ): Promise<"stored" | "too-many"> {
    return this.annotate(undefined, this.#annotations, values, origin);
  }

  /** Changes a map of annotations, ten of them at most, and tells the watchers. */
  annotate(
    mailbox: MemoryMailbox | undefined,
    annotations: Map<string, string>,
    values: ReadonlyMap<string, string | undefined>,
    origin?: object,
  ): "stored" | "too-many" {
    const after = [...new Map<string, string | undefined>([...annotations, ...values]).values()];
    if (after.filter((value) => value !== undefined).length > 10) return "too-many";
    for (const [entry, value] of values)
      if (value === undefined) annotations.delete(entry);
      else annotations.set(entry, value);
    for (const listener of this.#annotationListeners)
      listener({ mailbox, entries: [...values.keys()], ...(origin && { origin }) });
    return "stored";
  }

  get usage(): number {
    return this.mailboxes().reduce((sum, mailbox) => sum + mailbox.status().size, 0);
  }

  async quota(): Promise<StorageQuota> {
    return { usage: this.usage, limit: this.quotaLimit };
  }

  requireRoom(octets: number): void {
    if (this.usage + octets > this.quotaLimit) throw new Failure("full", "there is no room for it");
  }

  watchAnnotations(listener: (change: AnnotationChange) => void): () => void {
    this.#annotationListeners.add(listener);
    return () => this.#annotationListeners.delete(listener);
  }

  watch(listener: (change: StoreChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How many watch all of it. */
  get watchers(): number {
    return this.#listeners.size;
  }

  tell(change: StoreChange): void {
    for (const listener of this.#listeners) listener(change);
  }

  nextModSeq(): number {
    return ++this.#modSeq;
  }

  get modSeq(): number {
    return this.#modSeq;
  }

  mailboxes(): readonly MemoryMailbox[] {
    return [...this.#mailboxes.values()];
  }

  mailbox(name: string): MemoryMailbox | undefined {
    return this.#mailboxes.get(name);
  }

  subscriptions(): ReadonlySet<string> {
    return this.#subscriptions;
  }

  async setSubscribed(name: string, subscribed: boolean, origin?: object): Promise<void> {
    if (this.#subscriptions.has(name) === subscribed) return;
    if (subscribed) this.#subscriptions.add(name);
    else this.#subscriptions.delete(name);
    this.tell({ kind: "subscription", name, ...(origin && { origin }) });
  }

  async create(name: string, specialUse?: SpecialUse, origin?: object): Promise<MemoryMailbox> {
    if (this.#mailboxes.has(name)) throw new Failure("already-exists", "there is such a mailbox");
    const mailbox = this.#add(name, specialUse);
    this.tell({ kind: "created", name, ...(origin && { origin }) });
    return mailbox;
  }

  async remove(name: string, origin?: object): Promise<void> {
    if (name === "INBOX") throw new Failure("forbidden", "INBOX stays");
    const mailbox = this.#mailboxes.get(name);
    if (mailbox === undefined) throw new Failure("nonexistent", "no such mailbox");
    this.#mailboxes.delete(name);
    mailbox.tell({ kind: "removed" });
    this.tell({ kind: "removed", name, ...(origin && { origin }) });
  }

  async rename(from: string, to: string, origin?: object): Promise<void> {
    if (this.#mailboxes.has(to)) throw new Failure("already-exists", "there is such a mailbox");
    if (from === "INBOX") this.#mailboxes.get(from)?.moveAllTo(this.#add(to, undefined), origin);
    else this.#renameTree(from, to);
    this.tell({ kind: "renamed", from, to, ...(origin && { origin }) });
  }

  #renameTree(from: string, to: string): void {
    for (const mailbox of this.mailboxes()) {
      if (mailbox.name !== from && !mailbox.name.startsWith(`${from}/`)) continue;
      this.#mailboxes.delete(mailbox.name);
      mailbox.name = to + mailbox.name.slice(from.length);
      this.#mailboxes.set(mailbox.name, mailbox);
    }
  }

  authenticator(user: string, password: string): Authenticator {
    return {
      login: async (givenUser, givenPassword) => {
        if (givenPassword === "locked") throw new Failure("locked", "the vault is closed");
        return givenUser === user && givenPassword === password ? this : undefined;
      },
      scram: {
        salt: SCRAM_SALT,
        iterations: 4096,
        login: async (givenUser, authMessage, proof) => {
          if (givenUser === "locked") throw new Failure("locked", "the vault is closed");
          const { storedKey, serverKey } = await scramKeys(password, SCRAM_SALT, 4096);
          if (givenUser !== user || provenClientKey(storedKey, authMessage, proof) === undefined) return undefined;
          return { store: this, serverSignature: serverSignature(serverKey, authMessage) };
        },
      },
    };
  }

  #add(name: string, use: SpecialUse | undefined): MemoryMailbox {
    const mailbox = new MemoryMailbox(this, name, use, ++this.#ids);
    this.#mailboxes.set(name, mailbox);
    return mailbox;
  }
}

export class MemoryMailbox implements Mailbox {
  readonly id: string;
  readonly uidValidity: number;
  readonly specialUse: SpecialUse | undefined;
  name: string;
  /** UIDs whose octets cannot be read. */
  readonly damaged = new Set<number>();
  /** Reading breaks off after so many octets, if the message is that long. */
  breaksOffAt = Number.POSITIVE_INFINITY;
  readonly #store: MemoryStore;
  readonly #messages = new Map<number, Stored>();
  readonly #expunged: { readonly uid: number; readonly modSeq: number }[] = [];
  #kept: Uint8Array<ArrayBuffer> | undefined;
  readonly #listeners = new Set<(change: MailboxChange) => void>();
  readonly #keywords = new Set<string>();
  readonly #annotations = new Map<string, string>();
  #uidNext = 1;

  constructor(store: MemoryStore, name: string, specialUse: SpecialUse | undefined, number: number) {
    this.#store = store;
    this.id = `M${number}`;
    this.name = name;
    this.specialUse = specialUse;
    this.uidValidity = 1000 + number;
  }

  tell(change: MailboxChange): void {
    for (const listener of this.#listeners) listener(change);
    this.#store.tell({ kind: "messages", mailbox: this, change });
  }

  async ready(): Promise<void> {}

  status(): MailboxStatus {
    const all = [...this.#messages.values()];
    const deleted = all.filter(({ flags }) => flags.includes("\\Deleted"));
    return {
      messages: all.length,
      unseen: all.filter(({ flags }) => !flags.includes("\\Seen")).length,
      deleted: deleted.length,
      recent: all.filter(({ recent }) => recent).length,
      uidNext: this.#uidNext,
      highestModSeq: this.#store.modSeq,
      size: all.reduce((sum, { size }) => sum + size, 0),
      deletedSize: deleted.reduce((sum, { size }) => sum + size, 0),
    };
  }

  uids(): readonly number[] {
    return [...this.#messages.keys()];
  }

  claimRecent(): readonly number[] {
    const claimed = [...this.#messages.values()].filter(({ recent }) => recent);
    for (const message of claimed) message.recent = false;
    return claimed.map(({ uid }) => uid);
  }

  keywords(): readonly string[] {
    return [...this.#keywords];
  }

  uidsByFlag(flag: string, has: boolean): readonly number[] {
    const wanted = flag.toLowerCase();
    const fitting = [...this.#messages.values()].filter(
      ({ flags }) => flags.some((name) => name.toLowerCase() === wanted) === has,
    );
    return fitting.map(({ uid }) => uid);
  }

  *summaries(uids: readonly number[]): Iterable<MessageSummary> {
    for (const uid of uids) {
      const message = this.#messages.get(uid);
      if (message !== undefined) yield message;
    }
  }

  envelopes(uids: readonly number[]): readonly (string | undefined)[] {
    return uids.map((uid) => this.#messages.get(uid)?.root.envelope);
  }

  bodyStructures(uids: readonly number[], extensible: boolean): readonly (string | undefined)[] {
    const messages = uids.map((uid) => this.#messages.get(uid));
    return messages.map((message) => message && formatBodyStructure(message.root, extensible));
  }

  sortFields(uids: readonly number[]): readonly (SortFields | undefined)[] {
    return this.#sorting(uids);
  }

  sortAddresses(uids: readonly number[]): readonly (SortAddresses | undefined)[] {
    return this.#sorting(uids);
  }

  async kept(): Promise<Uint8Array<ArrayBuffer> | undefined> {
    return this.#kept;
  }

  async keep(octets: Uint8Array): Promise<void> {
    this.#kept = new Uint8Array(octets);
  }

  threadFields(uids: readonly number[]): readonly ((SortFields & MessageLinks) | undefined)[] {
    const headers = this.headers(uids);
    return this.#sorting(uids).map((fields, index) => {
      const header = headers[index];
      if (fields === undefined || header === undefined) return undefined;
      return { ...fields, id: messageId(header), references: referencedIds(header) };
    });
  }

  #sorting(uids: readonly number[]): ((SortFields & SortAddresses) | undefined)[] {
    return this.envelopes(uids).map((envelope) => (envelope === undefined ? undefined : readSortFields(envelope)));
  }

  structure(uid: number): Part | undefined {
    return this.#messages.get(uid)?.root;
  }

  headers(uids: readonly number[]): readonly (Buffer | undefined)[] {
    return uids.map((uid) => this.#messages.get(uid)?.header);
  }

  headerFields(uids: readonly number[]): readonly (string | undefined)[] {
    return uids.map((uid) => this.#messages.get(uid)?.header.toString("latin1"));
  }

  async *read(uid: number, start: number, end: number): AsyncIterable<Uint8Array> {
    const message = this.#messages.get(uid);
    if (message === undefined) throw new Failure("nonexistent", "the message is gone");
    if (this.damaged.has(uid)) throw new Failure("damaged", "the message cannot be read");
    for (let at = start; at < end; at += 65_536) {
      if (at >= this.breaksOffAt) throw new Failure("damaged", "the message cannot be read");
      yield message.content.subarray(at, Math.min(end, at + 65_536));
    }
  }

  async append(
    messages: AsyncIterable<AppendRequest> | Iterable<AppendRequest>,
    origin?: object,
  ): Promise<readonly number[]> {
    const taken: { content: Buffer; request: AppendRequest }[] = [];
    for await (const request of messages) {
      const pieces: Uint8Array[] = [];
      for await (const piece of request.content) pieces.push(piece);
      taken.push({ content: Buffer.concat(pieces), request });
    }
    this.#store.requireRoom(taken.reduce((sum, { content }) => sum + content.length, 0));
    const uids = taken.map(({ content, request }) => this.put(content, request.flags, request.internalDate));
    this.tell({ kind: "added", uids, ...(origin && { origin }) });
    return uids;
  }

  /** Puts a message there without telling anybody. */
  put(content: Buffer | string, flags: readonly string[] = [], internalDate = this.#store.now): number {
    const octets = Buffer.from(content as string);
    const parser = new StructureParser();
    parser.push(octets);
    const uid = this.#uidNext++;
    for (const flag of flags) if (!flag.startsWith("\\")) this.#keywords.add(flag);
    const hash = createHash("sha256").update(octets).digest("hex").slice(0, 12);
    this.#messages.set(uid, {
      ...parser.end(),
      content: octets,
      uid,
      flags,
      modSeq: this.#store.nextModSeq(),
      internalDate,
      saveDate: this.#store.now,
      size: octets.length,
      emailId: `E${hash}`,
      threadId: `T${hash}`,
      recent: true,
    });
    return uid;
  }

  async changeFlags(
    uids: readonly number[],
    change: FlagChange,
    flags: readonly string[],
    options: { unchangedSince?: number; origin?: object } = {},
  ): Promise<{ changed: readonly number[]; conflicts: readonly number[]; modSeq: number }> {
    const modSeq = this.#store.nextModSeq();
    const changed: number[] = [];
    const conflicts: number[] = [];
    for (const uid of uids) {
      const message = this.#messages.get(uid);
      if (message === undefined) continue;
      if (options.unchangedSince !== undefined && message.modSeq > options.unchangedSince) {
        conflicts.push(uid);
        continue;
      }
      const now = new Set(change === "replace" ? [] : message.flags);
      for (const flag of flags)
        if (change === "remove") now.delete(flag);
        else now.add(flag);
      if (change !== "remove") for (const flag of flags) if (!flag.startsWith("\\")) this.#keywords.add(flag);
      if (now.size === message.flags.length && message.flags.every((flag) => now.has(flag))) continue;
      this.#messages.set(uid, { ...message, flags: [...now], modSeq });
      changed.push(uid);
    }
    const { origin } = options;
    if (changed.length > 0) this.tell({ kind: "flags", uids: changed, modSeq, ...(origin && { origin }) });
    return { changed, conflicts, modSeq };
  }

  async copy(uids: readonly number[], target: Mailbox, origin?: object): Promise<CopyResult> {
    this.#store.requireRoom([...this.summaries(uids)].reduce((sum, { size }) => sum + size, 0));
    return this.#copy(uids, target, origin);
  }

  #copy(uids: readonly number[], target: Mailbox, origin?: object): CopyResult {
    const to = target as MemoryMailbox;
    const pairs: [number, number][] = [];
    for (const uid of uids) {
      const message = this.#messages.get(uid);
      if (message !== undefined) pairs.push([uid, to.put(message.content, message.flags, message.internalDate)]);
    }
    const added = pairs.map(([, uid]) => uid);
    if (added.length > 0) to.tell({ kind: "added", uids: added, ...(origin && { origin }) });
    return { uidValidity: to.uidValidity, uids: pairs };
  }

  async move(uids: readonly number[], target: Mailbox, origin?: object): Promise<CopyResult> {
    const result = this.#copy(uids, target, origin);
    await this.expunge(
      result.uids.map(([from]) => from),
      origin,
    );
    return result;
  }

  async expunge(uids: readonly number[], origin?: object): Promise<readonly number[]> {
    const removed = uids.filter((uid) => this.#messages.delete(uid));
    const modSeq = this.#store.nextModSeq();
    for (const uid of removed) this.#expunged.push({ uid, modSeq });
    if (removed.length > 0) this.tell({ kind: "expunged", uids: removed, modSeq, ...(origin && { origin }) });
    return removed;
  }

  /** As renaming INBOX does: UIDs stay. */
  moveAllTo(target: MemoryMailbox, origin?: object): void {
    const uids = [...this.#messages.keys()];
    for (const message of this.#messages.values()) target.#messages.set(message.uid, message);
    target.#uidNext = this.#uidNext;
    this.#messages.clear();
    const modSeq = this.#store.nextModSeq();
    for (const uid of uids) this.#expunged.push({ uid, modSeq });
    if (uids.length > 0) this.tell({ kind: "expunged", uids, modSeq, ...(origin && { origin }) });
  }

  annotations(): ReadonlyMap<string, string> {
    return this.#annotations;
  }

  async setAnnotations(
    values: ReadonlyMap<string, string | undefined>,
    origin?: object,
  ): Promise<"stored" | "too-many"> {
    return this.#store.annotate(this, this.#annotations, values, origin);
  }

  expungedSince(modSeq: number): readonly number[] {
    const since = this.#expunged.filter((gone) => gone.modSeq > modSeq);
    return since.map(({ uid }) => uid).sort((a, b) => a - b);
  }

  changedSince(modSeq: number): readonly number[] {
    return [...this.#messages.values()].filter((message) => message.modSeq > modSeq).map(({ uid }) => uid);
  }

  async searchText(
    where: { readonly header: string } | "body" | "text",
    needle: string,
    uids: readonly number[],
    _signal?: AbortSignal,
  ): Promise<ReadonlySet<number>> {
    const found = new Set<number>();
    for (const uid of uids) {
      const message = this.#messages.get(uid);
      if (message === undefined) continue;
      let text = typeof where === "object" ? decodedHeader(message.header, where.header) : "";
      if (where === "text") text = decodedHeader(message.header);
      if (typeof where !== "object")
        for await (const piece of decodedBody(message.root, (start, end) => this.read(uid, start, end))) text += piece;
      if (text?.toLowerCase().includes(needle.toLowerCase()) === true) found.add(uid);
    }
    return found;
  }

  watch(listener: (change: MailboxChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

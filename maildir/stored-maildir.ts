import { setImmediate } from "node:timers/promises";
import { Failure, storageFailure } from "../foundation/failure.ts";
import { Mutex } from "../foundation/mutex.ts";
import { undo } from "./all-or-none.ts";
import { type AnnotationChange, SERVER_ROW } from "./annotations.ts";
import { writeDescription } from "./folder-description.ts";
import type { RemoteMailbox } from "./import-ledger.ts";
import { FOLDERS_AT_A_TIME, MAX_MAILBOXES, MAX_SUBSCRIPTIONS, WARMED_MESSAGES } from "./limits.ts";
import type { MailboxRow } from "./mailbox-index.ts";
import { checkName, compareNames, DELIMITER, INBOX, normalizeName, superiorNames } from "./mailbox-name.ts";
import type { MaildirChange, SpecialUse } from "./message.ts";
import { randomObjectId } from "./object-id.ts";
import type { StorageQuota } from "./quota.ts";
import { RemovedMailboxes } from "./removed-mailboxes.ts";
import { SortingFiller } from "./sorting-filler.ts";
import { discard, type StagedFile, stage, stagedFile } from "./staging.ts";
import { commit, type Storage, setAnnotations } from "./storage.ts";
import type { ImportedLetter, ImportOrigin, InsertOptions, Maildir, StagedMessage, StageOptions } from "./store.ts";
import { StoredMailbox } from "./stored-mailbox.ts";
import { type IndexedLetter, TextIndexer } from "./text-indexer.ts";

/** A mailbox whose folder is there, but which the index does not know yet. */
interface NewMailbox {
  readonly name: string;
  readonly specialUse: SpecialUse | undefined;
  readonly objectId: string;
  readonly folder: string;
}

/** All mailboxes of one person. */
export class StoredMaildir implements Maildir {
  readonly #storage: Storage;
  readonly #naming = new Mutex();
  readonly #indexer: TextIndexer;
  readonly #filler: SortingFiller;
  readonly #removed: RemovedMailboxes;
  #warming: Promise<void> | undefined;
  #closed = false;
  readonly #byName = new Map<string, StoredMailbox>();
  readonly #byId = new Map<string, StoredMailbox>();
  readonly #byRow = new Map<number, StoredMailbox>();
  #sorted: readonly StoredMailbox[] | undefined;
  readonly #watchers = new Set<(change: MaildirChange<StoredMailbox>) => void>();
  readonly #annotationWatchers = new Set<(change: AnnotationChange<StoredMailbox>) => void>();
  #subscriptions: ReadonlySet<string>;

  constructor(shared: Omit<Storage, "wakeIndexer" | "changed" | "annotationsChanged">) {
    this.#indexer = new TextIndexer(shared, (content) => this.#letter(content));
    const storage: Storage = {
      ...shared,
      wakeIndexer: () => this.#indexer.wake(),
      changed: (change) => {
        for (const watcher of this.#watchers) {
          try {
            watcher(change);
          } catch (error) {
            storage.logger("error", "a watcher of the store failed", { cause: String(error) });
          }
        }
      },
      annotationsChanged: (change) => {
        for (const watcher of this.#annotationWatchers) {
          try {
            watcher(change);
          } catch (error) {
            storage.logger("error", "a watcher of annotations failed", { cause: String(error) });
          }
        }
      },
    };
    this.#storage = storage;
    this.#filler = new SortingFiller(storage);
    this.#removed = new RemovedMailboxes(storage);
    for (const row of storage.mailboxes.all()) this.#know(row);
    this.#subscriptions = new Set(storage.mailboxes.subscriptions());
  }

  get appendLimit(): number {
    return this.#storage.appendLimit;
  }

  quota(): Promise<StorageQuota> {
    return this.#storage.quota.get();
  }

  mailboxes(): readonly StoredMailbox[] {
    this.#sorted ??= [...this.#byName.values()].sort((a, b) => compareNames(a.name, b.name));
    return this.#sorted;
  }

  mailbox(name: string): StoredMailbox | undefined {
    return this.#byName.get(normalizeName(name));
  }

  mailboxById(id: string): StoredMailbox | undefined {
    return this.#byId.get(id);
  }

  /** By its row in the index. */
  mailboxByRow(row: number): StoredMailbox | undefined {
    return this.#byRow.get(row);
  }

  specialUse(use: SpecialUse): StoredMailbox | undefined {
    return this.mailboxes().find((mailbox) => mailbox.specialUse === use);
  }

  subscriptions(): ReadonlySet<string> {
    return this.#subscriptions;
  }

  async setSubscribed(name: string, subscribed: boolean, origin?: object): Promise<void> {
    const normal = normalizeName(name);
    if (subscribed) checkName(normal);
    const { mailboxes, db } = this.#storage;
    await commit(this.#storage, () => {
      if (subscribed && this.#subscriptions.size >= MAX_SUBSCRIPTIONS)
        throw new Failure("full", "there are too many subscriptions");
      if (subscribed) mailboxes.subscribe(normal);
      else mailboxes.unsubscribe(normal);
      db.afterCommit(() => {
        if (this.#subscriptions.has(normal) === subscribed) return;
        const names = new Set(this.#subscriptions);
        if (subscribed) names.add(normal);
        else names.delete(normal);
        this.#subscriptions = names;
        this.#storage.changed({ kind: "subscription", name: normal, ...(origin !== undefined && { origin }) });
      });
    });
  }

  annotations(): ReadonlyMap<string, string> {
    return this.#storage.annotations.all(SERVER_ROW);
  }

  setAnnotations(values: ReadonlyMap<string, string | undefined>, origin?: object): Promise<"stored" | "too-many"> {
    return setAnnotations(this.#storage, undefined, values, origin);
  }

  watchAnnotations(listener: (change: AnnotationChange<StoredMailbox>) => void): () => void {
    this.#annotationWatchers.add(listener);
    return () => void this.#annotationWatchers.delete(listener);
  }

  watch(listener: (change: MaildirChange<StoredMailbox>) => void): () => void {
    this.#watchers.add(listener);
    return () => void this.#watchers.delete(listener);
  }

  create(name: string, specialUse?: SpecialUse, origin?: object): Promise<StoredMailbox> {
    const normal = normalizeName(name);
    checkName(normal);
    return this.#naming.run(async () => {
      if (this.#byName.has(normal)) throw new Failure("already-exists", "there is a mailbox of this name");
      if (specialUse !== undefined && this.specialUse(specialUse) !== undefined)
        throw new Failure("invalid", "another mailbox has this special use");
      const created = await this.#prepare([...this.#missingSuperiors(normal), { name: normal, specialUse }]);
      await this.#commitNew(created, () => this.#insertRows(created, origin));
      await this.describeFolders();
      return this.#existing(normal);
    });
  }

  /** The first mailboxes of an empty store; subscribed, since somebody will want to see them. */
  async createDefaults(defaults: readonly (readonly [name: string, use: SpecialUse | undefined])[]): Promise<void> {
    const created = await this.#prepare(defaults.map(([name, specialUse]) => ({ name, specialUse })));
    await this.#commitNew(created, () => {
      this.#insertRows(created);
      for (const { name } of created) this.#storage.mailboxes.subscribe(name);
    });
    this.#subscriptions = new Set(this.#storage.mailboxes.subscriptions());
  }

  remove(name: string, origin?: object): Promise<void> {
    const normal = normalizeName(name);
    return this.#naming.run(async () => {
      const mailbox = this.#existing(normal);
      if (normal === INBOX) throw new Failure("forbidden", "INBOX cannot be removed");
      const { db, mailboxes, imports, annotations, removal } = this.#storage;
      await commit(this.#storage, () => {
        imports.forgetMailbox(mailbox.row);
        annotations.forget(mailbox.row);
        mailboxes.delete(mailbox.row);
        removal.noteFolder(mailbox.folder);
        db.afterCommit(() => {
          this.#byName.delete(normal);
          this.#byId.delete(mailbox.id);
          this.#byRow.delete(mailbox.row);
          this.#sorted = undefined;
          mailbox.changed({ kind: "removed" });
          this.#storage.changed({ kind: "removed", name: normal, ...(origin !== undefined && { origin }) });
          this.#removed.start();
        });
        db.afterSync(() => removal.start([{ folder: mailbox.folder }]));
      });
    });
  }

  rename(from: string, to: string, origin?: object): Promise<void> {
    const [source, target] = [normalizeName(from), normalizeName(to)];
    checkName(target);
    return this.#naming.run(async () => {
      if (this.#byName.has(target)) throw new Failure("already-exists", "there is a mailbox of this name");
      if (source === INBOX) return this.#renameInbox(target, origin);
      const moving = this.mailboxes().filter(({ name }) => isAtOrBelow(name, source));
      if (moving.length === 0) throw new Failure("nonexistent", "there is no mailbox of this name");
      if (isAtOrBelow(target, source)) throw new Failure("invalid", "a mailbox cannot move below itself");
      // Shorter names first, so that a name is free before another takes it.
      const renames = moving
        .map((mailbox) => ({ mailbox, name: target + mailbox.name.slice(source.length) }))
        .sort((a, b) => a.name.length - b.name.length);
      for (const { name } of renames) {
        checkName(name);
        const other = this.#byName.get(name);
        if (other !== undefined && !moving.includes(other))
          throw new Failure("already-exists", "there is a mailbox of the name that a child would get");
      }
      const movingNames = new Set(moving.map(({ name }) => name));
      const superiors = this.#missingSuperiors(target).filter(({ name }) => !movingNames.has(name));
      const created = await this.#prepare(superiors);
      const { db, mailboxes } = this.#storage;
      await this.#commitNew(created, () => {
        for (const { mailbox, name } of renames) mailboxes.rename(mailbox.row, name);
        this.#insertRows(created, origin);
        db.afterCommit(() => {
          for (const { mailbox } of renames) this.#byName.delete(mailbox.name);
          for (const { mailbox, name } of renames) {
            mailbox.renamed(name);
            this.#byName.set(name, mailbox);
          }
          this.#sorted = undefined;
          this.#storage.changed({ kind: "renamed", from: source, to: target, ...(origin !== undefined && { origin }) });
        });
      });
      await this.describeFolders();
    });
  }

  /** Takes back what a crash left half-done of work that is all or none. */
  async undoUnfinished(): Promise<void> {
    for (const [row, notes] of this.#storage.unfinished.all()) {
      const mailbox = this.#byRow.get(row);
      if (mailbox === undefined) await commit(this.#storage, () => this.#storage.unfinished.strike(notes));
      else await undo(this.#storage, mailbox, notes);
    }
  }

  /** From now on what can wait is done in the background. */
  startWorking(): void {
    this.#indexer.wake();
    this.#removed.start();
    this.#filler.start();
    this.#warming = this.#warm().catch(() => {
      this.#storage.logger("warn", "the index could not be read ahead");
    });
  }

  async stage(content: AsyncIterable<Uint8Array> | Buffer, options: StageOptions = {}): Promise<StagedMessage> {
    const mailbox = options.mailboxId === undefined ? this.#existing(INBOX) : this.#byId.get(options.mailboxId);
    if (mailbox === undefined) throw new Failure("nonexistent", "the mailbox was removed");
    return stage(this.#storage, mailbox.folder, content, options);
  }

  insert(mailboxId: string, staged: StagedMessage, { origin, ...options }: InsertOptions): number {
    const file: StagedFile = stagedFile(staged);
    const mailbox = this.#byId.get(mailboxId);
    if (mailbox === undefined) throw new Failure("nonexistent", "the mailbox was removed");
    try {
      const { db } = this.#storage;
      const insert = () => mailbox.insert([file], [options], origin);
      // A savepoint of its own would undo nothing that the caller's transaction does not.
      const [uid] = db.sqlite.inTransaction ? insert() : db.transaction(insert);
      if (uid === undefined) throw new Error("no UID was given");
      return uid;
    } catch (error) {
      throw storageFailure(error);
    }
  }

  async discard(staged: StagedMessage): Promise<void> {
    discard(this.#storage, stagedFile(staged));
  }

  findByMessageId(mailboxId: string, messageId: string): readonly number[] {
    const mailbox = this.#byId.get(mailboxId);
    return mailbox === undefined ? [] : this.#storage.contents.byMessageId(mailbox.row, messageId);
  }

  async insertImported(
    mailboxId: string,
    items: readonly ImportedLetter[],
    { remote, onlyMissing = false }: ImportOrigin = {},
  ): Promise<readonly number[]> {
    const mailbox = this.#byId.get(mailboxId);
    if (mailbox === undefined) throw new Failure("nonexistent", "the mailbox was removed");
    const { messages, imports } = this.#storage;
    return commit(this.#storage, () => {
      const wanted = items.filter(
        ({ staged: { contentHash } }) =>
          !(onlyMissing && imports.broughtAnywhere(contentHash)) && messages.rememberImport(mailbox.row, contentHash),
      );
      if (remote !== undefined)
        imports.add(
          mailbox.row,
          remote,
          items.flatMap(({ remoteUid }) => remoteUid ?? []),
        );
      return mailbox.insert(
        wanted.map(({ staged }) => stagedFile(staged)),
        wanted.map(({ options }) => options),
      );
    });
  }

  importedUids(mailboxId: string, remote: RemoteMailbox): ReadonlySet<number> {
    const mailbox = this.#byId.get(mailboxId);
    return mailbox === undefined ? new Set() : this.#storage.imports.uids(mailbox.row, remote);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#filler.close();
    await this.#indexer.close();
    await this.#warming;
    await this.#removed.close();
    await this.#naming.run(() => undefined);
    this.#storage.names.flush();
    await this.#storage.removal.idle();
    await this.#storage.letters.close();
    await this.#storage.sync.close();
    await commit(this.#storage, () => {
      for (const mailbox of this.#byId.values()) mailbox.saveRecent();
      this.#storage.mailboxes.noteClosed();
    });
  }

  /** Writes the sealed descriptions that are not what the index says; what fails is made up for at the next start. */
  async describeFolders(): Promise<void> {
    const { mailboxes, folders, recipients, logger } = this.#storage;
    const describe = async (row: MailboxRow): Promise<void> => {
      const { name, objectId: mailboxId, uidValidity, specialUse } = row;
      await writeDescription(folders.folder(row.folder), recipients, { name, mailboxId, uidValidity, specialUse });
      await commit(this.#storage, () => mailboxes.setDescribed(row.id));
    };
    try {
      const rows = mailboxes.undescribed();
      for (let start = 0; start < rows.length; start += FOLDERS_AT_A_TIME)
        await Promise.all(rows.slice(start, start + FOLDERS_AT_A_TIME).map(describe));
    } catch {
      logger("warn", "a folder's description could not be written");
    }
  }

  /** Reads what mail programs will ask for first, INBOX before the others. */
  async #warm(): Promise<void> {
    let messages = 0;
    for (const mailbox of this.mailboxes()) {
      while (!this.#closed && !mailbox.load()) await setImmediate();
      if (this.#closed) return;
      messages += mailbox.status().messages;
      if (messages > WARMED_MESSAGES) return;
      await setImmediate();
    }
  }

  /** For the indexer: a content as any of its messages has it. */
  #letter(content: number): IndexedLetter | undefined {
    const holder = this.#storage.messages.anyOf(content);
    const mailbox = holder === undefined ? undefined : this.#byRow.get(holder.mailbox);
    if (holder === undefined || mailbox === undefined) return undefined;
    const { uid } = holder;
    const [header] = mailbox.headers([uid]);
    const structure = mailbox.structure(uid);
    if (header === undefined || structure === undefined) return undefined;
    return { header, structure, read: (start, end) => mailbox.read(uid, start, end) };
  }

  /** RFC 9051 section 6.3.6: the messages go to a new mailbox, INBOX stays; here the two change folders. */
  async #renameInbox(target: string, origin?: object): Promise<void> {
    const inbox = this.#existing(INBOX);
    const created = await this.#prepare([...this.#missingSuperiors(target), { name: target, specialUse: undefined }]);
    const { db, mailboxes, messages, annotations } = this.#storage;
    await this.#commitNew(created, () => {
      const renamed = this.#insertRows(created, origin, target).find(({ name }) => name === target);
      if (renamed === undefined) throw new Error("the mailbox was not created");
      const { uidNext, highestModSeq } = inbox.counters();
      const uids = messages.uids(inbox.row);
      const [old, fresh] = [inbox.folder, renamed.folder];
      mailboxes.setFolder(inbox.row, `${old} changing`);
      mailboxes.setFolder(renamed.id, old);
      mailboxes.setFolder(inbox.row, fresh);
      messages.moveAll(inbox.row, renamed.id);
      annotations.copy(inbox.row, renamed.id);
      mailboxes.setCounters(renamed.id, uidNext, highestModSeq);
      messages.logExpunged(inbox.row, uids, highestModSeq + 1);
      mailboxes.setCounters(inbox.row, uidNext, highestModSeq + 1);
      db.afterCommit(() => {
        this.#existing(target).relocated(old);
        inbox.relocated(fresh);
        if (uids.length > 0)
          inbox.changed({ kind: "expunged", uids, modSeq: highestModSeq + 1, ...(origin !== undefined && { origin }) });
        this.#storage.changed({ kind: "renamed", from: INBOX, to: target, ...(origin !== undefined && { origin }) });
      });
    });
    await this.describeFolders();
  }

  /** Makes the folders, before any row names them. */
  async #prepare(wanted: readonly Pick<NewMailbox, "name" | "specialUse">[]): Promise<NewMailbox[]> {
    if (this.#byName.size + wanted.length > MAX_MAILBOXES) throw new Failure("full", "there are too many mailboxes");
    const created = wanted.map(({ name, specialUse }): NewMailbox => {
      return { name, specialUse, folder: this.#storage.folders.randomName(), objectId: randomObjectId() };
    });
    try {
      await this.#storage.folders.create(created.map(({ folder }) => folder));
    } catch (error) {
      await this.#removeFolders(created);
      throw storageFailure(error);
    }
    return created;
  }

  /** Commits work that puts new mailboxes into the index; if it fails, their folders go. */
  async #commitNew<T>(created: readonly NewMailbox[], work: () => T): Promise<T> {
    try {
      return await commit(this.#storage, work);
    } catch (error) {
      await this.#removeFolders(created);
      throw error;
    }
  }

  async #removeFolders(created: readonly NewMailbox[]): Promise<void> {
    for (const { folder } of created) await this.#storage.folders.remove(folder).catch(() => undefined);
  }

  /** `renamed`: the one of them that is told of as another's new name. */
  #insertRows(created: readonly NewMailbox[], origin?: object, renamed?: string): MailboxRow[] {
    const { db, mailboxes, clock } = this.#storage;
    const rows = created.map(({ name, specialUse = null, folder, objectId }) => {
      const uidValidity = mailboxes.nextUidValidity(clock.now());
      return mailboxes.insert({ name, specialUse, folder, objectId, uidValidity });
    });
    db.afterCommit(() => {
      for (const row of rows) this.#know(row);
      for (const { name } of rows)
        if (name !== renamed) this.#storage.changed({ kind: "created", name, ...(origin !== undefined && { origin }) });
    });
    return rows;
  }

  #missingSuperiors(name: string): { name: string; specialUse: undefined }[] {
    const missing = superiorNames(name).filter((superior) => !this.#byName.has(superior));
    return missing.map((superior) => ({ name: superior, specialUse: undefined }));
  }

  #existing(name: string): StoredMailbox {
    const mailbox = this.#byName.get(name);
    if (mailbox === undefined) throw new Failure("nonexistent", "there is no mailbox of this name");
    return mailbox;
  }

  #know(row: MailboxRow): void {
    const mailbox = new StoredMailbox(this.#storage, row);
    this.#byName.set(row.name, mailbox);
    this.#byId.set(row.objectId, mailbox);
    this.#byRow.set(row.id, mailbox);
    this.#sorted = undefined;
  }
}

function isAtOrBelow(name: string, superior: string): boolean {
  return name === superior || name.startsWith(superior + DELIMITER);
}

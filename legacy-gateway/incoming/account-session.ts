import type { ImapFlow } from "imapflow";
import { isNoSuchFolder, isRefusedCommand } from "../../imap-client/protocol-breach.ts";
import { FOLDERS_INTERVAL, INBOX_INTERVAL, POLL_INTERVAL, SOONEST_POLL } from "../limits.ts";
import { wordsOf } from "../provider/words.ts";
import type { FolderSync } from "./folder-sync.ts";
import type { MirroredFolders } from "./mirrored-folders.ts";
import type { SyncContext } from "./sync-context.ts";
import type { Told } from "./told.ts";

export interface AccountSessionOptions {
  readonly context: SyncContext;
  readonly client: ImapFlow;
  readonly told: Told;
  readonly folders: MirroredFolders;
  /** Changes made here are still being collected. */
  readonly isCollecting: () => boolean;
  /** Something is to be done. */
  readonly wake: () => void;
  /** Letters are about to be fetched. */
  readonly onFetching: () => void;
  readonly signal: AbortSignal;
}

/** What is done with one connection: always the most urgent thing, a step at a time. */
export class AccountSession {
  readonly #options: AccountSessionOptions;
  readonly #told: Told;
  #pollAt = 0;
  #polledAt = Number.NEGATIVE_INFINITY;
  #inboxAt = 0;
  #foldersAt = 0;
  /** Folders that are still to be looked at in this round. */
  #unpolled: FolderSync[] = [];
  /** Something vanished from a folder, and nobody has looked since whether it is in another one. */
  #mayHaveMoved = false;

  constructor(options: AccountSessionOptions) {
    this.#options = options;
    const { client, told, folders, wake } = options;
    folders.distrust();
    this.#told = told;
    told.listen(client, {
      onNew: (path) => {
        const folder = folders.at(path);
        if (folder?.news === "none") folder.news = "new";
      },
      onUnclear: (path) => folders.at(path)?.compareWhole(),
      onAny: wake,
    });
  }

  /** When it is time to look at folders that nobody tells of; milliseconds since 1970. */
  get pollAt(): number {
    return this.#pollAt;
  }

  /** Whether there is something to do that does not wait for the next look. */
  get isUrgent(): boolean {
    const { folders, signal } = this.#options;
    const [inbox] = folders.all;
    return (
      signal.aborted ||
      !this.#told.isEmpty ||
      (inbox !== undefined && inbox.news !== "none" && inbox.trouble === undefined) ||
      folders.all.some((folder) => this.#isToBeTold(folder))
    );
  }

  /** Does the most urgent thing; false where there is nothing to do. @throws what ends the connection */
  async step(): Promise<boolean> {
    const { context, client, folders } = this.#options;
    const { clock } = context;
    await this.#takeTold();
    if (clock.now() >= this.#foldersAt) {
      this.#foldersAt = clock.now() + FOLDERS_INTERVAL;
      await folders.look(client);
      return true;
    }
    const { inbox } = folders;
    const selected = folders.selected(client);
    // What the provider tells of comes first, and what is already selected before what has to be.
    for (const folder of selected === undefined ? folders.all : [selected, ...folders.all])
      if (this.#isToBeTold(folder)) {
        await this.#push(folder);
        return true;
      }
    if (inbox.trouble === undefined && (inbox.news !== "none" || inbox.missing > 0)) return await this.#bring(inbox);
    if (selected !== inbox && clock.now() >= this.#inboxAt) {
      this.#inboxAt = clock.now() + INBOX_INTERVAL;
      await this.#within(inbox, () => this.#hasNews(inbox));
      if (inbox.missing > 0) return await this.#bring(inbox);
    }
    if (this.#unpolled.length === 0 && clock.now() >= this.#pollAt) this.#beginPoll();
    if (this.#unpolled.length > 0) {
      await this.#poll();
      return true;
    }
    const usable = folders.all.filter(({ trouble }) => trouble === undefined);
    const next =
      usable.find((folder) => folder.missing > 0 && folder.news === "none") ??
      usable.find((folder) => folder.news !== "none" || folder.missing > 0);
    if (next !== undefined) return await this.#bring(next);
    const expiring = usable.find((folder) => folder.mailbox !== undefined && folder.expires());
    if (expiring !== undefined) {
      await this.#within(expiring, async () => {
        await this.#select(expiring);
        await expiring.expireSome(client);
      });
      return true;
    }
    return await this.#settleOrphans();
  }

  /** Opens the INBOX, to be watched. */
  async openInbox(): Promise<void> {
    const { inbox } = this.#options.folders;
    await this.#within(inbox, () => this.#select(inbox));
  }

  async #push(folder: FolderSync): Promise<void> {
    await this.#within(folder, async () => {
      if (!(await folder.needsPush())) return;
      await this.#select(folder);
      if (folder.compared) await folder.push(this.#options.client);
    });
  }

  async #bring(folder: FolderSync): Promise<boolean> {
    const { client, onFetching } = this.#options;
    await this.#within(folder, async () => {
      await this.#select(folder);
      if (folder.news === "all" || !folder.compared) await folder.compare(client);
      else if (folder.news === "new") await folder.findNew(client);
      if (folder.missing === 0) return;
      onFetching();
      await folder.fetch(client, () => this.#hasBetterToDo(folder));
    });
    return true;
  }

  /** Whether letters of this folder, which may be many, are to wait for something else. */
  #hasBetterToDo(folder: FolderSync): boolean {
    const { context, folders } = this.#options;
    const now = context.clock.now();
    return this.isUrgent || folder.news !== "none" || (folder !== folders.inbox && now >= this.#inboxAt);
  }

  async #select(folder: FolderSync): Promise<void> {
    const before = folder.uidValidity;
    await folder.select(this.#options.client);
    if (before === folder.uidValidity) await this.#takeTold();
    else this.#told.forget(folder.path);
  }

  /** What goes wrong with one folder does not stop the others, as long as the connection stands; it is tried again later. */
  async #within(folder: FolderSync, work: () => Promise<unknown>): Promise<void> {
    const { client, folders } = this.#options;
    if (folder.mailbox === undefined) return folders.drop(folder);
    try {
      await work();
    } catch (error) {
      if (!(isRefusedCommand(error) || isNoSuchFolder(error)) || !client.usable) throw error;
      folder.setAside(wordsOf(error));
      // It may have gone, or have another name.
      if (isNoSuchFolder(error)) this.#foldersAt = Math.min(this.#foldersAt, this.#polledAt + SOONEST_POLL);
    }
  }

  #isToBeTold(folder: FolderSync): boolean {
    return folder.changedHere && folder.compared && folder.mailbox !== undefined && !this.#options.isCollecting();
  }

  #beginPoll(): void {
    const { context, folders } = this.#options;
    this.#polledAt = context.clock.now();
    this.#pollAt = this.#polledAt + POLL_INTERVAL;
    this.#mayHaveMoved = false;
    this.#unpolled = [...folders.all];
  }

  /**
   * Looks which folders have changed, until there is something more urgent; those that have not need not even be
   * selected. There may be hundreds, each a round trip.
   */
  async #poll(): Promise<void> {
    const { client, folders } = this.#options;
    do {
      const folder = this.#unpolled.shift();
      if (folder === undefined || !folders.all.includes(folder)) continue;
      if (folder === folders.selected(client) && folder.compared) continue;
      await this.#within(folder, () => this.#hasNews(folder));
    } while (this.#unpolled.length > 0 && !this.isUrgent);
  }

  async #hasNews(folder: FolderSync): Promise<void> {
    const { client } = this.#options;
    const status = await client.status(folder.path, {
      messages: true,
      uidNext: true,
      uidValidity: true,
      unseen: true,
      highestModseq: true,
    });
    if (status === false) return;
    const { messages = 0, uidNext = 0, uidValidity = 0n, unseen = 0, highestModseq = 0n } = status;
    if (!folder.isView) folder.total = messages;
    const text = `${uidValidity} ${uidNext} ${messages} ${unseen} ${highestModseq}`;
    // Whether a view shows other letters, its status does not say.
    if (folder.seen === text && folder.missing === 0 && !folder.isView) {
      folder.compared = true;
      folder.news = "none";
      return;
    }
    await this.#select(folder);
    await folder.compare(client);
    // As STATUS said before it was compared: what came in between is seen as a difference.
    if (folder.missing === 0) folder.settle(text);
  }

  /** What was told of folders whose letters are known here. */
  async #takeTold(): Promise<void> {
    const { folders, context } = this.#options;
    for (const [path, { flags, vanished }] of this.#told.take()) {
      const folder = folders.at(path);
      if (folder?.mailbox === undefined) continue;
      if (!(await folder.applyTold(flags, vanished))) continue;
      // It may be in another folder now: nobody is to miss it longer than that takes.
      this.#mayHaveMoved = true;
      this.#pollAt = Math.min(this.#pollAt, Math.max(this.#polledAt + SOONEST_POLL, context.clock.now()));
    }
  }

  /** What vanished at the provider, and was found in no other folder of it, goes here too. */
  async #settleOrphans(): Promise<boolean> {
    const { folders, context } = this.#options;
    const { ledger, mail, db, origin } = context;
    // One folder that the provider does not open is not to keep what was removed from the others.
    const open = folders.all.filter(({ trouble }) => trouble === undefined);
    const settled = open.every(({ compared, news, missing }) => compared && news === "none" && missing === 0);
    if (this.#mayHaveMoved || !settled || !ledger.hasOrphans()) return false;
    for (const { id, kind, mailbox, localUid } of ledger.orphans()) {
      if (kind === "vanished") await mail.mailboxById(mailbox)?.expunge([localUid], origin);
      await db.commit(() => ledger.settle(id));
    }
    return true;
  }
}

import { setTimeout as pause } from "node:timers/promises";
import type { ImapFlow } from "imapflow";
import { Failure } from "../../foundation/failure.ts";
import { isRefusedCommand, ProtocolBreach } from "../../imap-client/protocol-breach.ts";
import { isUid } from "../../imap-client/uids.ts";
import type { AccountSettings } from "../accounts/account.ts";
import { INBOX_INTERVAL, MAX_FOLDERS, POLL_INTERVAL, PUSH_DELAY, REFUSED_DELAYS, RETRY_DELAYS } from "../limits.ts";
import type { LocalMailbox } from "../ports.ts";
import { openImap } from "../provider/imap-connection.ts";
import type { LoginSource } from "../provider/login.ts";
import { shown, wordsOf } from "../provider/words.ts";
import { REFUSED_SUBJECT, refusedText } from "../refused-login.ts";
import { StoreFailed } from "./arrivals.ts";
import { planFolders } from "./folder-plan.ts";
import { FolderSync } from "./folder-sync.ts";
import type { RemoteFlags } from "./remote-flags.ts";
import type { SyncContext } from "./sync-context.ts";

export type IncomingState =
  | { readonly kind: "off" }
  | { readonly kind: "connecting" }
  | { readonly kind: "fetching" }
  /** All is here, and the provider tells of what is new. */
  | { readonly kind: "watching" }
  | { readonly kind: "waiting"; readonly reason: string; readonly until: number; readonly refused: boolean };

export interface IncomingProgress {
  readonly state: IncomingState;
  readonly folders: number;
  /** Letters at the provider, as far as it has told, and those of them that are to be fetched. */
  readonly total: number;
  readonly missing: number;
  /** Letters that the provider does not hand out. */
  readonly failed: number;
}

export interface AccountWorkerOptions {
  readonly context: SyncContext;
  readonly login: LoginSource;
  /** Milliseconds before each further attempt to connect. */
  readonly retryDelays?: readonly number[];
}

/** What the provider has told by itself of the folder that is selected. */
interface Told {
  flags: RemoteFlags[];
  vanished: number[];
}

/** Letters of which a provider may tell before all is compared instead. */
const MOST_TOLD = 5_000;

/** Keeps one account's folders and ours alike, over one connection that is opened again whenever it ends. */
export class AccountWorker {
  readonly #options: AccountWorkerOptions;
  readonly #stopping = new AbortController();
  #folders: FolderSync[] = [];
  #state: IncomingState = { kind: "off" };
  #running: Promise<void> | undefined;
  #client: ImapFlow | undefined;
  #told: Told = { flags: [], vanished: [] };
  #wake: (() => void) | undefined;
  #pushDue: NodeJS.Timeout | undefined;
  #pollAt = 0;
  #inboxAt = 0;
  #failures = 0;
  /** What is done on the next occasion with the connection. */
  readonly #errands: ((client: ImapFlow) => Promise<void>)[] = [];

  constructor(options: AccountWorkerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    clearTimeout(this.#pushDue);
    this.#client?.close();
    this.#wake?.();
    await this.#running;
    this.#state = { kind: "off" };
  }

  /** Tries again at once, where it waits to do so. */
  retry(): void {
    this.#failures = 0;
    this.#wake?.();
  }

  progress(): IncomingProgress {
    const sum = (of: (folder: FolderSync) => number): number => this.#folders.reduce((all, each) => all + of(each), 0);
    return {
      state: this.#state,
      folders: this.#folders.length,
      total: sum(({ total }) => total),
      missing: sum(({ missing }) => missing),
      failed: sum(({ failed }) => failed),
    };
  }

  /** Something was changed here, not by the gateway. */
  changedHere(mailboxId: string): void {
    const folder = this.#folders.find(({ mailbox }) => mailbox?.id === mailboxId);
    if (folder === undefined) return;
    folder.changedHere = true;
    this.#pushDue ??= setTimeout(() => {
      this.#pushDue = undefined;
      this.#wake?.();
    }, PUSH_DELAY);
  }

  /** Our folder of the provider's that has this use, by the provider's name. */
  pathOf(specialUse: string): string | undefined {
    return this.#folders.find((folder) => folder.specialUse === specialUse)?.path;
  }

  /** Does something with the connection as soon as there is one; once, whether it works or not. */
  errand(work: (client: ImapFlow) => Promise<void>): void {
    this.#errands.push(work);
    this.#wake?.();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      this.#state = { kind: "connecting" };
      try {
        await this.#session();
      } catch (error) {
        if (signal.aborted) return;
        await this.#waitAfter(error);
      }
    }
  }

  async #waitAfter(error: unknown): Promise<void> {
    const { context, retryDelays = RETRY_DELAYS } = this.#options;
    const refused = error instanceof Failure && error.code === "forbidden";
    const delays = refused ? REFUSED_DELAYS : retryDelays;
    const delay = delays[Math.min(this.#failures++, delays.length - 1)] ?? 0;
    const reason = reasonOf(error);
    if (isBug(error))
      context.logger("error", "the gateway failed", { cause: error instanceof Error ? (error.stack ?? "") : "" });
    else context.logger("info", "a provider's connection ended", { refused });
    if (refused && this.#failures === 1) context.notify(REFUSED_SUBJECT, refusedText(context.account, reason));
    this.#state = { kind: "waiting", reason, until: context.clock.now() + delay, refused };
    await this.#sleep(delay);
  }

  async #session(): Promise<void> {
    const { context, login } = this.#options;
    const { server, proxy, isolation } = connectionOf(context.account);
    const client = await openImap({ server, login, proxy, isolation, signal: this.#stopping.signal });
    this.#client = client;
    this.#listen(client);
    try {
      await this.#plan(client);
      this.#state = { kind: "fetching" };
      for (;;) {
        this.#stopping.signal.throwIfAborted();
        if (!client.usable) throw new Failure("unavailable", client.byeReason ?? "the provider ended the connection");
        const worked = await this.#step(client);
        this.#failures = 0;
        if (!worked) await this.#watch(client);
      }
    } finally {
      this.#client = undefined;
      client.close();
    }
  }

  #listen(client: ImapFlow): void {
    const inSelected = (path: string): FolderSync | undefined => this.#folders.find((folder) => folder.path === path);
    const everything = (path: string): void => {
      const folder = inSelected(path);
      if (folder !== undefined) folder.news = "all";
      this.#wake?.();
    };
    this.#told = { flags: [], vanished: [] };
    client.on("exists", ({ path, count, prevCount }) => {
      const folder = inSelected(path);
      if (folder !== undefined && count > prevCount && folder.news === "none") folder.news = "new";
      this.#wake?.();
    });
    client.on("expunge", ({ path, uid }) => {
      if (!isUid(uid) || this.#told.vanished.length >= MOST_TOLD) return everything(path);
      this.#told.vanished.push(uid);
      this.#wake?.();
    });
    client.on("flags", ({ path, uid, flags }) => {
      if (!isUid(uid) || this.#told.flags.length >= MOST_TOLD) return everything(path);
      this.#told.flags.push({ uid, flags: [...flags] });
      this.#wake?.();
    });
    client.on("close", () => this.#wake?.());
  }

  /** Finds out which folders there are, and makes ours for those that are new. */
  async #plan(client: ImapFlow): Promise<void> {
    const { context } = this.#options;
    const { account, ledger, mail, db } = context;
    const listed = await client.list();
    if (listed.length > MAX_FOLDERS) throw new ProtocolBreach(`the provider names more than ${MAX_FOLDERS} folders`);
    const planned = planFolders(
      listed
        .filter(({ flags }) => !flags.has("\\Noselect") && !flags.has("\\NonExistent"))
        .map(({ path, delimiter, specialUse }) => ({
          path,
          delimiter: delimiter === "" ? undefined : delimiter,
          specialUse,
        })),
      {
        ...(account.folders === "own" && { below: account.address }),
        prefix: client.namespace?.prefix ?? "",
        specialUse: (use) => mail.specialUse(use)?.name,
      },
    );
    const before = new Map(this.#folders.map((folder) => [folder.path, folder]));
    const folders: FolderSync[] = [];
    for (const { path, target, specialUse } of planned) {
      const known = ledger.folders().find((folder) => folder.path === path);
      if (known === undefined) {
        const mailbox = mail.mailbox(target) ?? (await createMailbox(context, target));
        await mailbox.ready();
        const { id, uidValidity } = mailbox;
        const { highestModSeq } = mailbox.status();
        await db.commit(() => ledger.addFolder(path, id, uidValidity, highestModSeq));
      } else {
        const mailbox = mail.mailboxById(known.mailbox);
        // The user has removed our mailbox: what it was made for does not come back by itself.
        if (mailbox === undefined) continue;
        if (mailbox.uidValidity !== known.mailboxValidity) {
          const { highestModSeq } = mailbox.status();
          await db.commit(() => ledger.rebindFolder(known.id, mailbox.id, mailbox.uidValidity, highestModSeq));
        }
      }
      const entry = ledger.folders().find((folder) => folder.path === path);
      if (entry === undefined) continue;
      const folder =
        before.get(path) ?? new FolderSync(context, entry, path.toUpperCase() === "INBOX" ? "\\Inbox" : specialUse);
      folder.compared = false;
      folder.news = "all";
      folder.changedHere = true;
      folders.push(folder);
    }
    this.#folders = folders.sort((a, b) => Number(b.specialUse === "\\Inbox") - Number(a.specialUse === "\\Inbox"));
    this.#pollAt = 0;
  }

  /** Does the most urgent thing; false where there is nothing to do. */
  async #step(client: ImapFlow): Promise<boolean> {
    const { clock } = this.#options.context;
    await this.#takeTold(client);
    const [inbox] = this.#folders;
    if (inbox === undefined) throw new ProtocolBreach("the provider has no folders");
    const errand = this.#errands.shift();
    if (errand !== undefined) {
      await errand(client);
      return true;
    }
    const selected = this.#selected(client);
    // What the provider tells of comes first, and what is already selected before what has to be.
    for (const folder of selected === undefined ? this.#folders : [selected, ...this.#folders])
      if (this.#isToBeTold(folder)) {
        await this.#within(client, folder, async () => {
          if (await folder.needsPush()) {
            await folder.select(client);
            if (folder.compared) await folder.push(client);
          }
        });
        return true;
      }
    if (inbox.trouble === undefined && (inbox.news !== "none" || inbox.missing > 0))
      return await this.#bring(client, inbox);
    if (selected !== inbox && clock.now() >= this.#inboxAt) {
      this.#inboxAt = clock.now() + INBOX_INTERVAL;
      await this.#within(client, inbox, () => this.#hasNews(client, inbox));
      if (inbox.missing > 0) return await this.#bring(client, inbox);
    }
    if (clock.now() >= this.#pollAt) {
      this.#pollAt = clock.now() + POLL_INTERVAL;
      await this.#poll(client);
      return true;
    }
    const usable = this.#folders.filter(({ trouble }) => trouble === undefined);
    const next =
      usable.find((folder) => folder.missing > 0 && folder.news === "none") ??
      usable.find((folder) => folder.news !== "none" || folder.missing > 0);
    if (next !== undefined) return await this.#bring(client, next);
    const expiring = usable.find((folder) => folder.mailbox !== undefined && folder.expires());
    if (expiring !== undefined) {
      await this.#within(client, expiring, async () => {
        await expiring.select(client);
        await expiring.expireSome(client);
      });
      return true;
    }
    return await this.#settleOrphans();
  }

  async #bring(client: ImapFlow, folder: FolderSync): Promise<boolean> {
    await this.#within(client, folder, async () => {
      await folder.select(client);
      await this.#look(client, folder);
      if (folder.missing === 0) return;
      this.#state = { kind: "fetching" };
      await folder.fetchSome(client);
    });
    return true;
  }

  /** What goes wrong with one folder does not stop the others, as long as the connection stands; it is tried again later. */
  async #within(client: ImapFlow, folder: FolderSync, work: () => Promise<unknown>): Promise<void> {
    if (folder.mailbox === undefined) {
      this.#folders = this.#folders.filter((each) => each !== folder);
      return;
    }
    try {
      await work();
    } catch (error) {
      if (!isRefusedCommand(error) || !client.usable) throw error;
      folder.setAside(wordsOf(error));
    }
  }

  #isToBeTold(folder: FolderSync): boolean {
    return folder.changedHere && folder.compared && folder.mailbox !== undefined && this.#pushDue === undefined;
  }

  async #look(client: ImapFlow, folder: FolderSync): Promise<void> {
    if (folder.news === "all" || !folder.compared) await folder.compare(client);
    else if (folder.news === "new") await folder.findNew(client);
  }

  /** Looks which folders have changed; those that have not need not even be selected. */
  async #poll(client: ImapFlow): Promise<void> {
    for (const folder of this.#folders) {
      this.#stopping.signal.throwIfAborted();
      if (folder === this.#selected(client) && folder.compared) continue;
      await this.#within(client, folder, () => this.#hasNews(client, folder));
    }
  }

  async #hasNews(client: ImapFlow, folder: FolderSync): Promise<void> {
    const status = await client.status(folder.path, {
      messages: true,
      uidNext: true,
      uidValidity: true,
      unseen: true,
      highestModseq: true,
    });
    if (status === false) return;
    const { messages = 0, uidNext = 0, uidValidity = 0n, unseen = 0, highestModseq = 0n } = status;
    folder.total = messages;
    const text = `${uidValidity} ${uidNext} ${messages} ${unseen} ${highestModseq}`;
    if (folder.seen === text && folder.missing === 0) {
      folder.compared = true;
      folder.news = "none";
      return;
    }
    await folder.select(client);
    await folder.compare(client);
    // As STATUS said before it was compared: what came in between is seen as a difference.
    if (folder.missing === 0) folder.settle(text);
  }

  /** What was told while the folder was selected. */
  async #takeTold(client: ImapFlow): Promise<void> {
    const { flags, vanished } = this.#told;
    if (flags.length === 0 && vanished.length === 0) return;
    this.#told = { flags: [], vanished: [] };
    const folder = this.#selected(client);
    if (folder?.compared === true && folder.mailbox !== undefined) await folder.applyTold(flags, vanished);
  }

  #selected(client: ImapFlow): FolderSync | undefined {
    const { mailbox } = client;
    return mailbox === false ? undefined : this.#folders.find(({ path }) => path === mailbox.path);
  }

  /** What vanished at the provider, and was found in no other folder of it, goes here too. */
  async #settleOrphans(): Promise<boolean> {
    const { ledger, mail, db, origin } = this.#options.context;
    if (!ledger.hasOrphans() || !this.#folders.every(({ compared, missing }) => compared && missing === 0))
      return false;
    for (const { id, kind, mailbox, localUid } of ledger.orphans()) {
      if (kind === "vanished") await mail.mailboxById(mailbox)?.expunge([localUid], origin);
      await db.commit(() => ledger.settle(id));
    }
    return true;
  }

  /** Waits in IDLE until somebody tells something, or it is time to look. */
  async #watch(client: ImapFlow): Promise<void> {
    const { clock } = this.#options.context;
    const [inbox] = this.#folders;
    if (inbox === undefined) return;
    await this.#within(client, inbox, () => inbox.select(client));
    if (this.#isUrgent(inbox)) return;
    this.#state = { kind: "watching" };
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    const idling = client.idle().catch(() => undefined);
    const timer = setTimeout(() => this.#wake?.(), Math.max(0, this.#pollAt - clock.now()));
    try {
      if (!this.#isUrgent(inbox)) await woken;
    } finally {
      clearTimeout(timer);
      this.#wake = undefined;
    }
    // The next command ends IDLE by itself; NOOP does where there is none to come.
    if (client.usable) await client.noop();
    await idling;
  }

  #isUrgent(inbox: FolderSync): boolean {
    const { flags, vanished } = this.#told;
    return (
      (inbox.news !== "none" && inbox.trouble === undefined) ||
      flags.length + vanished.length + this.#errands.length > 0 ||
      this.#stopping.signal.aborted ||
      this.#folders.some((folder) => this.#isToBeTold(folder))
    );
  }

  async #sleep(delay: number): Promise<void> {
    if (this.#stopping.signal.aborted) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await pause(delay, undefined, { signal: woken.signal, ref: false }).catch(() => undefined);
    this.#wake = undefined;
  }
}

function connectionOf({ imap, proxy, address }: AccountSettings) {
  return { server: imap, proxy, isolation: address };
}

async function createMailbox({ mail }: SyncContext, name: string): Promise<LocalMailbox> {
  const created = await mail.create(name);
  await mail.setSubscribed(created.name, true);
  return created;
}

function reasonOf(error: unknown): string {
  if (error instanceof StoreFailed) {
    const { cause } = error;
    return cause instanceof Failure ? cause.message : "the store failed; the log says more";
  }
  return error instanceof Failure ? shown(error.message) : wordsOf(error);
}

/** What is neither the provider's fault nor the disk's. */
function isBug(error: unknown): boolean {
  if (error instanceof StoreFailed) return !(error.cause instanceof Failure);
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

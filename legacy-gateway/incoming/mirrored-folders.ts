import type { ImapFlow, ListResponse } from "imapflow";
import { isNoSuchFolder, ProtocolBreach } from "../../imap-client/protocol-breach.ts";
import { MAX_FOLDERS } from "../limits.ts";
import type { LocalMailbox } from "../ports.ts";
import { type PlannedFolder, planFolders } from "./folder-plan.ts";
import { FolderSync } from "./folder-sync.ts";
import type { LedgerFolder } from "./ledger.ts";
import type { SyncContext } from "./sync-context.ts";

/** Which of the provider's folders are kept alike here; looked at anew now and then, since folders come, go, and change their names. */
export class MirroredFolders {
  readonly #context: SyncContext;
  #folders: readonly FolderSync[] = [];

  constructor(context: SyncContext) {
    this.#context = context;
  }

  /** INBOX first. */
  get all(): readonly FolderSync[] {
    return this.#folders;
  }

  /** @throws ProtocolBreach */
  get inbox(): FolderSync {
    const [inbox] = this.#folders;
    if (inbox === undefined) throw new ProtocolBreach("the provider has no folders");
    return inbox;
  }

  at(path: string): FolderSync | undefined {
    return this.#folders.find((folder) => folder.path === path);
  }

  selected({ mailbox }: ImapFlow): FolderSync | undefined {
    return mailbox === false ? undefined : this.at(mailbox.path);
  }

  /** The user has removed our mailbox: what it was made for does not come back by itself. */
  drop(folder: FolderSync): void {
    this.#folders = this.#folders.filter((each) => each !== folder);
  }

  /** A new connection: what is known of any folder may be out of date. */
  distrust(): void {
    for (const folder of this.#folders) folder.distrust();
  }

  /**
   * Finds out which folders there are, makes ours for those that are new, and follows those that have another name now.
   * Of a folder that is gone, the letters stay here. @throws ProtocolBreach, and what the connection throws
   */
  async look(client: ImapFlow): Promise<void> {
    const listed = await client.list();
    if (listed.length > MAX_FOLDERS) throw new ProtocolBreach(`the provider names more than ${MAX_FOLDERS} folders`);
    const planned = this.#plan(listed, client);
    await this.#followGone(client, listed, planned);
    const folders: FolderSync[] = [];
    for (const folder of planned) {
      const entry = await this.#entry(folder);
      if (entry === undefined) continue;
      const { path, specialUse, only } = folder;
      const use = path.toUpperCase() === "INBOX" ? "\\Inbox" : specialUse;
      const known = this.#folders.find(({ id }) => id === entry.id);
      folders.push(known ?? new FolderSync(this.#context, entry, { specialUse: use, only }));
    }
    this.#folders = folders.sort((a, b) => Number(b.specialUse === "\\Inbox") - Number(a.specialUse === "\\Inbox"));
  }

  #plan(listed: readonly ListResponse[], client: ImapFlow): PlannedFolder[] {
    const { account, mail } = this.#context;
    const real = listed.filter(({ flags }) => !flags.has("\\Noselect") && !flags.has("\\NonExistent"));
    return planFolders(
      real.map(({ path, delimiter, specialUse }) => ({
        path,
        delimiter: delimiter === "" ? undefined : delimiter,
        specialUse,
      })),
      {
        ...(account.folders === "own" && { below: account.address }),
        prefix: client.namespace?.prefix ?? "",
        specialUse: (use) => mail.specialUse(use)?.name,
        labels: client.capabilities.has("X-GM-EXT-1"),
      },
    );
  }

  /** What the ledger has of the folder, entered there where it is new; undefined where the user has removed our mailbox. */
  async #entry({ path, target }: PlannedFolder): Promise<LedgerFolder | undefined> {
    const { ledger, mail, db } = this.#context;
    const known = ledger.folders().find((folder) => folder.path === path);
    if (known === undefined) {
      const mailbox = mail.mailbox(target) ?? (await createMailbox(this.#context, target));
      await mailbox.ready();
      const { id, uidValidity } = mailbox;
      const { highestModSeq } = mailbox.status();
      await db.commit(() => ledger.addFolder(path, id, uidValidity, highestModSeq));
    } else {
      const mailbox = mail.mailboxById(known.mailbox);
      if (mailbox === undefined) return undefined;
      if (mailbox.uidValidity !== known.mailboxValidity) {
        const { highestModSeq } = mailbox.status();
        await db.commit(() => ledger.rebindFolder(known.id, mailbox.id, mailbox.uidValidity, highestModSeq));
      }
    }
    return ledger.folders().find((folder) => folder.path === path);
  }

  /** Looks after folders that the provider does not list any more, each asked for by itself: a list may be cut short. */
  async #followGone(
    client: ImapFlow,
    listed: readonly ListResponse[],
    planned: readonly PlannedFolder[],
  ): Promise<void> {
    const paths = new Set(listed.map(({ path }) => path));
    const entries = this.#context.ledger.folders();
    const missing = entries.filter(({ path }) => !paths.has(path) && path.toUpperCase() !== "INBOX");
    if (missing.length === 0) return;
    const known = new Set(entries.map(({ path }) => path));
    const fresh = planned.filter(({ path }) => !known.has(path));
    for (const folder of missing) {
      if ((await statusOf(client, folder.path)) !== "gone") continue;
      const renamed = await this.#renamed(client, folder, fresh);
      if (renamed === undefined) await this.#strand(folder);
      else {
        fresh.splice(fresh.indexOf(renamed), 1);
        await this.#follow(folder, renamed);
      }
    }
  }

  /**
   * The folder that this one has become: the only new one whose numbering it shares, and which is not behind it. A rename
   * keeps UIDVALIDITY (RFC 9051 section 6.3.6).
   */
  async #renamed(
    client: ImapFlow,
    { id, uidValidity }: LedgerFolder,
    fresh: readonly PlannedFolder[],
  ): Promise<PlannedFolder | undefined> {
    const { ledger } = this.#context;
    if (uidValidity === "" || ledger.count(id) === 0) return undefined;
    const alike: PlannedFolder[] = [];
    for (const folder of fresh) {
      const status = await statusOf(client, folder.path);
      if (status === "gone" || status === "unknown") continue;
      if (status.uidValidity === uidValidity && status.uidNext >= ledger.uidNext(id)) alike.push(folder);
    }
    const [only, another] = alike;
    return another === undefined ? only : undefined;
  }

  /** Gives the entry the new path, and our mailbox the name that goes with it, if nobody has that. */
  async #follow(folder: LedgerFolder, { path, target }: PlannedFolder): Promise<void> {
    const { ledger, mail, db } = this.#context;
    await db.commit(() => ledger.setPath(folder.id, path));
    const synced = this.#folders.find(({ id }) => id === folder.id);
    if (synced !== undefined) this.drop(synced);
    const mailbox = mail.mailboxById(folder.mailbox);
    if (mailbox === undefined || mailbox.specialUse !== undefined || mailbox.name === "INBOX") return;
    if (mail.mailbox(target) === undefined) await mail.rename(mailbox.name, target);
  }

  /** The letters of a folder that is gone stay here; those that turn up in another folder are the same ones. */
  async #strand(folder: LedgerFolder): Promise<void> {
    const { ledger, mail, db } = this.#context;
    await db.commit(() => ledger.strandFolder(folder.id));
    const mailbox = mail.mailboxById(folder.mailbox);
    if (mailbox === undefined || mailbox.specialUse !== undefined || mailbox.name === "INBOX") return;
    await mailbox.ready();
    const hasChildren = mail.mailboxes().some(({ name }) => name.startsWith(`${mailbox.name}/`));
    if (mailbox.uids().length === 0 && !hasChildren) await mail.remove(mailbox.name);
  }
}

async function statusOf(
  client: ImapFlow,
  path: string,
): Promise<{ readonly uidValidity: string; readonly uidNext: number } | "gone" | "unknown"> {
  try {
    const status = await client.status(path, { uidNext: true, uidValidity: true });
    if (status === false) return "unknown";
    return { uidValidity: String(status.uidValidity ?? ""), uidNext: status.uidNext ?? 0 };
  } catch (error) {
    if (isNoSuchFolder(error)) return "gone";
    throw error;
  }
}

async function createMailbox({ mail }: SyncContext, name: string): Promise<LocalMailbox> {
  const created = await mail.create(name);
  await mail.setSubscribed(created.name, true);
  return created;
}

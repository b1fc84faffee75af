import { errorCode, Failure } from "../../../foundation/failure.ts";
import { ProtocolBreach } from "../../../imap-client/protocol-breach.ts";
import type { SpecialUse } from "../../message.ts";
import type { Maildir, MaildirMailbox } from "../../store.ts";
import { accountName } from "./account-url.ts";
import { AccountConnection, type AccountLogin, serverText } from "./connection.ts";
import { type PlannedFolder, planFolders, type RemoteFolder, samePath } from "./folder-plan.ts";
import { compareFolder, FolderFailed, type FolderProgress, importFolder } from "./import-folder.ts";
import { MAX_FOLDERS } from "./limits.ts";

export interface AccountRequest extends AccountLogin {
  /** These folders alone, as the server spells them; all where none is named. */
  readonly folders?: readonly string[];
  /** Our folder below which the account's folders come. */
  readonly into?: string;
  /** Nothing is stored or made. */
  readonly dryRun?: boolean;
}

export interface AccountProgress {
  /** Messages that are dealt with, those that an earlier import had included. */
  readonly done: number;
  /** Those that are new here; with `dryRun`, those that would be fetched. */
  readonly added: number;
  /** Messages in all, as far as the server has told. */
  readonly total: number;
  /** Those of `done` that did not have to be fetched. */
  readonly known: number;
  readonly tooBig: number;
  /** Those that the server does not hand out. */
  readonly failed: number;
  /** The folder that is being read, as the server spells it. */
  readonly folder?: string;
}

export interface FolderResult {
  /** As the server spells it. */
  readonly from: string;
  readonly to: string;
  readonly messages: number;
  readonly added: number;
  /** Why it is not whole. */
  readonly error?: string;
}

export interface AccountResult extends Omit<AccountProgress, "folder"> {
  readonly folders: readonly FolderResult[];
}

export interface AccountImportOptions {
  readonly onProgress?: (progress: AccountProgress) => void;
  readonly signal?: AbortSignal;
  /** Milliseconds before further attempts to connect. */
  readonly retryDelays?: readonly number[];
}

const NOTHING: FolderProgress = { messages: 0, known: 0, fetched: 0, added: 0, tooBig: 0, failed: 0 };

/**
 * Brings the folders of an IMAP account, with flags, dates and hierarchy. What was imported before, by UID or by
 * content, is passed over, so an import that was interrupted is simply run again. A folder that cannot be read is named
 * in the result; the others come all the same. The server's letters and flags stay as they are.
 * @throws Failure unavailable, forbidden (login, certificate), nonexistent (a folder that was named), full
 */
export async function importAccount(
  maildir: Maildir,
  request: AccountRequest,
  { onProgress, signal, retryDelays }: AccountImportOptions = {},
): Promise<AccountResult> {
  const connection = new AccountConnection(request, signal, retryDelays);
  const account = accountName(request);
  try {
    const planned = await plan(maildir, request, connection);
    const progress = new Map(planned.map((folder) => [folder, { ...NOTHING, messages: folder.messages }]));
    const results: FolderResult[] = [];
    for (const folder of planned) {
      const tell = (now: FolderProgress): void => {
        progress.set(folder, now);
        onProgress?.({ ...sum(progress.values()), folder: folder.path });
      };
      let error: string | undefined;
      try {
        if (request.dryRun === true) tell(await compare(maildir, folder, account, connection));
        else {
          const mailbox = await ownMailbox(maildir, folder);
          await importFolder(maildir, mailbox, folder, { connection, account, onProgress: tell, signal });
        }
      } catch (thrown) {
        signal?.throwIfAborted();
        error = folderError(thrown);
      }
      const { messages, added } = progress.get(folder) ?? NOTHING;
      results.push({
        from: folder.path,
        to: folder.target,
        messages,
        added,
        ...(error !== undefined && { error }),
      });
    }
    return { ...sum(progress.values()), folders: results };
  } finally {
    await connection.close();
  }
}

/** The folders that hold letters. @throws Failure nonexistent, and as the connection */
async function plan(
  maildir: Maildir,
  { folders = [], into }: AccountRequest,
  connection: AccountConnection,
): Promise<PlannedFolder[]> {
  const { listed, prefix } = await connection.run(async (client) => ({
    listed: await client.list({ statusQuery: { messages: true } }),
    prefix: client.namespace?.prefix ?? "",
  }));
  if (listed.length > MAX_FOLDERS)
    throw new Failure("too-big", `the account names more than ${MAX_FOLDERS} folders: choose some with --folder`);
  const selectable = listed.filter(({ flags }) => !flags.has("\\Noselect") && !flags.has("\\NonExistent"));
  const remote = selectable.map(
    ({ path, delimiter, specialUse, subscribed, status }): RemoteFolder => ({
      path,
      delimiter: delimiter === "" ? undefined : delimiter,
      specialUse,
      subscribed,
      messages: status?.messages ?? 0,
    }),
  );
  const missing = folders.find((name) => !remote.some(({ path }) => samePath(path, name)));
  if (missing !== undefined)
    throw new Failure("nonexistent", `the account has no folder ${missing}; --dry-run names those that it has`);
  const specialUse = (use: SpecialUse): string | undefined => maildir.specialUse(use)?.name;
  return planFolders(remote, { only: folders, into, prefix, specialUse });
}

async function ownMailbox(maildir: Maildir, { target, subscribed }: PlannedFolder): Promise<MaildirMailbox> {
  const existing = maildir.mailbox(target);
  if (existing !== undefined) return existing;
  const created = await maildir.create(target);
  if (subscribed) await maildir.setSubscribed(target, true);
  return created;
}

async function compare(
  maildir: Maildir,
  { path, target }: PlannedFolder,
  account: string,
  connection: AccountConnection,
): Promise<FolderProgress> {
  const { uids, wanted } = await compareFolder(maildir, maildir.mailbox(target), account, path, connection);
  const known = uids.length - wanted.length;
  return { ...NOTHING, messages: uids.length, known, fetched: wanted.length, added: wanted.length };
}

/** What is wrong with one folder, in words. @throws what stops the others too: our own disk, or a server that is gone */
function folderError(thrown: unknown): string {
  if (thrown instanceof FolderFailed || thrown instanceof ProtocolBreach) return thrown.message;
  if (thrown instanceof Failure) throw thrown;
  // What the library says carries a code or the server's answer; anything else is a bug of ours.
  const { responseStatus } = thrown as { responseStatus?: unknown };
  if (responseStatus === undefined && errorCode(thrown) === "") throw thrown;
  return serverText(thrown);
}

function sum(parts: Iterable<FolderProgress>): Omit<AccountProgress, "folder"> {
  const all = { done: 0, added: 0, total: 0, known: 0, tooBig: 0, failed: 0 };
  for (const { messages, known, fetched, added, tooBig, failed } of parts) {
    all.done += known + fetched + failed;
    all.added += added;
    all.total += messages;
    all.known += known;
    all.tooBig += tooBig;
    all.failed += failed;
  }
  return all;
}

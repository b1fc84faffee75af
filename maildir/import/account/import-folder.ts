import { Failure } from "../../../foundation/failure.ts";
import { ProtocolBreach } from "../../../imap-client/protocol-breach.ts";
import { fetchLetters, fetchPieces, type RemoteLetter } from "../../../imap-client/remote-letters.ts";
import { searchUids } from "../../../imap-client/uids.ts";
import type { RemoteMailbox } from "../../import-ledger.ts";
import { only } from "../../small-content.ts";
import type { Maildir, MaildirMailbox } from "../../store.ts";
import { Importer } from "../importer.ts";
import type { ImportedMessage } from "../message-source.ts";
import { type AccountConnection, serverText } from "./connection.ts";
import type { PlannedFolder } from "./folder-plan.ts";
import { FETCH_BATCH, MAX_LOST_IN_A_ROW, MESSAGE_ATTEMPTS } from "./limits.ts";

/** How far the import of one folder is. */
export interface FolderProgress {
  /** Messages that the server names. */
  readonly messages: number;
  /** Those that need not be fetched: an earlier import had them. */
  readonly known: number;
  /** Those that were fetched and whose letters are on the disk, or that went away meanwhile. */
  readonly fetched: number;
  /** Those that are new here. */
  readonly added: number;
  readonly tooBig: number;
  /** Those that the server does not hand out. */
  readonly failed: number;
}

export interface FolderImportOptions {
  readonly connection: AccountConnection;
  readonly account: string;
  readonly onProgress: (progress: FolderProgress) => void;
  readonly signal: AbortSignal | undefined;
}

/** The server does not give what this folder holds; others may come all the same. The message is for a person. */
export class FolderFailed extends Error {
  override name = "FolderFailed";
}

/** What the store says, in contrast to the server. */
class StoreFailed extends Error {}

/** What the server's folder holds, and what of it no import brought into the mailbox; all where there is no mailbox. */
export async function compareFolder(
  maildir: Maildir,
  mailbox: MaildirMailbox | undefined,
  account: string,
  path: string,
  connection: AccountConnection,
): Promise<{ readonly uids: readonly number[]; readonly wanted: readonly number[]; readonly remote: RemoteMailbox }> {
  const { uids, uidValidity } = await connection.run(async (client) => {
    const opened = await client.mailboxOpen(path, { readOnly: true });
    return { uids: await searchUids(client), uidValidity: Number(opened.uidValidity) };
  });
  const remote = { account, folder: path, uidValidity };
  const known = mailbox === undefined ? new Set() : maildir.importedUids(mailbox.id, remote);
  return { uids, wanted: uids.filter((uid) => !known.has(uid)), remote };
}

/**
 * Brings one folder of an account into a mailbox. What was taken is on the disk when this settles, whether it resolves
 * or rejects. @throws FolderFailed; Failure unavailable (the connection), full, forbidden
 */
export async function importFolder(
  maildir: Maildir,
  mailbox: MaildirMailbox,
  folder: PlannedFolder,
  options: FolderImportOptions,
): Promise<FolderProgress> {
  const run = new FolderImport(maildir, mailbox, folder, options);
  await run.run();
  return run.progress();
}

/** @throws StoreFailed, or what the content throws */
async function take(importer: Importer, message: ImportedMessage): Promise<void> {
  let failure: unknown;
  const watched = async function* (): AsyncGenerator<Uint8Array> {
    try {
      yield* message.content;
    } catch (error) {
      failure = error;
      throw error;
    }
  };
  try {
    await importer.take({ ...message, content: watched() });
  } catch (error) {
    throw failure ?? new StoreFailed("the store failed", { cause: error });
  }
}

function described(
  { uid, flags, internalDate }: RemoteLetter,
  content: ImportedMessage["content"],
): ImportedMessage & { readonly remoteUid: number } {
  return { remoteUid: uid, flags, internalDate, content };
}

class FolderImport {
  readonly #maildir: Maildir;
  readonly #mailbox: MaildirMailbox;
  readonly #folder: PlannedFolder;
  readonly #options: FolderImportOptions;
  #importer: Importer | undefined;
  #messages: number;
  #known = 0;
  #gone = 0;
  #failed = 0;
  #lostInARow = 0;
  /** How often a message was asked for by itself. */
  readonly #attempts = new Map<number, number>();

  constructor(maildir: Maildir, mailbox: MaildirMailbox, folder: PlannedFolder, options: FolderImportOptions) {
    this.#maildir = maildir;
    this.#mailbox = mailbox;
    this.#folder = folder;
    this.#options = options;
    this.#messages = folder.messages;
  }

  progress(): FolderProgress {
    const { done = 0, added = 0, tooBig = 0 } = this.#importer ?? {};
    const fetched = done + this.#gone;
    return { messages: this.#messages, known: this.#known, fetched, added, tooBig, failed: this.#failed };
  }

  async run(): Promise<void> {
    const { connection, account } = this.#options;
    const { path, onlyMissing } = this.#folder;
    const { uids, wanted, remote } = await compareFolder(this.#maildir, this.#mailbox, account, path, connection);
    this.#messages = uids.length;
    this.#known = uids.length - wanted.length;
    this.#tell();
    const importer = new Importer(this.#maildir, this.#mailbox, () => this.#tell(), { remote, onlyMissing });
    this.#importer = importer;
    try {
      await this.#fetchAll(wanted, remote.uidValidity, importer);
    } finally {
      await importer.finish();
    }
  }

  #tell(): void {
    this.#options.onProgress(this.progress());
  }

  /** Asks for batches, and for one message at a time where a batch did not come through. */
  async #fetchAll(wanted: readonly number[], uidValidity: number, importer: Importer): Promise<void> {
    const { connection, signal } = this.#options;
    let waiting = [...wanted];
    let suspects = 0;
    while (waiting.length > 0) {
      signal?.throwIfAborted();
      const batch = waiting.slice(0, suspects > 0 ? 1 : FETCH_BATCH);
      const settled = new Set<number>();
      try {
        await this.#fetchBatch(batch, uidValidity, importer, settled);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof StoreFailed) throw error.cause;
        if (error instanceof Failure || error instanceof FolderFailed) throw error;
        this.#drop(error);
        if (settled.size === 0 && batch.length === 1) this.#giveUpLater(batch[0] ?? 0, settled, error);
        else if (settled.size === 0) suspects = batch.length;
      }
      if (settled.size > 0) connection.progressed();
      suspects = Math.max(0, suspects - settled.size);
      waiting = waiting.filter((uid) => !settled.has(uid));
    }
  }

  /** Fetches once; settled are the UIDs that need not be asked for again. */
  async #fetchBatch(
    batch: readonly number[],
    uidValidity: number,
    importer: Importer,
    settled: Set<number>,
  ): Promise<void> {
    const client = await this.#options.connection.open();
    const selected = client.mailbox;
    if (selected === false || selected.path !== this.#folder.path)
      await client.mailboxOpen(this.#folder.path, { readOnly: true });
    if (client.mailbox !== false && Number(client.mailbox.uidValidity) !== uidValidity)
      throw new FolderFailed("the server numbered the folder anew meanwhile: run the same command again");
    const long: RemoteLetter[] = [];
    for await (const letter of fetchLetters(client, batch)) {
      if (letter.content === undefined) {
        if (letter.size <= this.#maildir.appendLimit) long.push(letter);
        else {
          importer.refuse();
          settled.add(letter.uid);
        }
        continue;
      }
      await take(importer, described(letter, only(letter.content)));
      settled.add(letter.uid);
      this.#lostInARow = 0;
    }
    for (const letter of long) {
      this.#options.signal?.throwIfAborted();
      await take(importer, described(letter, fetchPieces(client, letter.uid)));
      settled.add(letter.uid);
      this.#lostInARow = 0;
    }
    // What the server does not mention was removed there meanwhile.
    for (const uid of batch) {
      if (settled.has(uid)) continue;
      settled.add(uid);
      this.#gone++;
    }
  }

  /** After an error; a connection that still stands is kept, unless the server broke the protocol. */
  #drop(error: unknown): void {
    const { connection } = this.#options;
    if (error instanceof ProtocolBreach || !connection.stands) connection.lost(error);
  }

  /** A message by itself did not come. */
  #giveUpLater(uid: number, settled: Set<number>, error: unknown): void {
    const attempts = (this.#attempts.get(uid) ?? 0) + 1;
    this.#attempts.set(uid, attempts);
    if (attempts < MESSAGE_ATTEMPTS) return;
    settled.add(uid);
    this.#failed++;
    this.#tell();
    if (++this.#lostInARow >= MAX_LOST_IN_A_ROW)
      throw new FolderFailed(`the server does not hand out its letters: ${serverText(error)}`, { cause: error });
  }
}

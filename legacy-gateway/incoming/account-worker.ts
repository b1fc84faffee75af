import type { ExpungeEvent, ImapFlow } from "imapflow";
import { Failure } from "../../foundation/failure.ts";
import type { AccountSettings } from "../accounts/account.ts";
import { PROBE_PATIENCE, PUSH_DELAY, REFUSED_DELAYS, RETRY_DELAYS } from "../limits.ts";
import { openImap } from "../provider/imap-connection.ts";
import type { LoginSource } from "../provider/login.ts";
import { shown, wordsOf } from "../provider/words.ts";
import { REFUSED_SUBJECT, refusedText } from "../refused-login.ts";
import { AccountSession } from "./account-session.ts";
import { StoreFailed } from "./arrivals.ts";
import type { FolderSync } from "./folder-sync.ts";
import { MirroredFolders } from "./mirrored-folders.ts";
import type { SyncContext } from "./sync-context.ts";
import { Told } from "./told.ts";

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

/** Keeps one account's folders and ours alike, over one connection that is opened again whenever it ends. */
export class AccountWorker {
  readonly #options: AccountWorkerOptions;
  readonly #stopping = new AbortController();
  readonly #folders: MirroredFolders;
  #state: IncomingState = { kind: "off" };
  #running: Promise<void> | undefined;
  #client: ImapFlow | undefined;
  /** Ends what is waited for; it may come before anybody waits. */
  #wake: (() => void) | undefined;
  #woken = false;
  #cancelPush: (() => void) | undefined;
  #failures = 0;
  /** The user has been told that the provider refuses, and it did not change its mind since. */
  #refusalTold = false;

  constructor(options: AccountWorkerOptions) {
    this.#options = options;
    this.#folders = new MirroredFolders(options.context);
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelPush?.();
    this.#client?.close();
    this.#wake?.();
    await this.#running;
    this.#state = { kind: "off" };
  }

  /** Tries again at once, where it waits to do so. */
  retry(): void {
    this.#failures = 0;
    this.#woken = true;
    this.#wake?.();
  }

  /**
   * The network is another one, or the machine has slept: tries again at once, where the network was the reason to wait,
   * and looks whether a connection that seems to stand still does.
   */
  networkChanged(): void {
    const { kind } = this.#state;
    if (this.#state.kind === "waiting" && !this.#state.refused) this.retry();
    else if (kind === "watching") this.#probe();
  }

  progress(): IncomingProgress {
    const folders = this.#folders.all;
    const sum = (of: (folder: FolderSync) => number): number => folders.reduce((all, each) => all + of(each), 0);
    return {
      state: this.#state,
      folders: folders.length,
      total: sum(({ total }) => total),
      missing: sum(({ missing }) => missing),
      failed: sum(({ failed }) => failed),
    };
  }

  /** Something was changed here, not by the gateway. */
  changedHere(mailboxId: string): void {
    const folder = this.#folders.all.find(({ mailbox }) => mailbox?.id === mailboxId);
    if (folder === undefined) return;
    folder.changedHere = true;
    this.#cancelPush ??= this.#options.context.clock.after(PUSH_DELAY, () => {
      this.#cancelPush = undefined;
      this.#rouse();
    });
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
    if (refused && !this.#refusalTold) context.notify(REFUSED_SUBJECT, refusedText(context.account, reason));
    this.#refusalTold ||= refused;
    this.#state = { kind: "waiting", reason, until: context.clock.now() + delay, refused };
    this.#woken = false;
    await this.#untilRoused(delay);
  }

  async #session(): Promise<void> {
    const { context, login } = this.#options;
    const { server, proxy, isolation } = connectionOf(context.account);
    const { signal } = this.#stopping;
    const told = new Told();
    const onExpunge = (event: ExpungeEvent): Promise<void> => told.vanished(event);
    const client = await openImap({ server, login, proxy, isolation, signal, onExpunge });
    this.#client = client;
    const session = new AccountSession({
      context,
      client,
      told,
      folders: this.#folders,
      isCollecting: () => this.#cancelPush !== undefined,
      wake: () => this.#rouse(),
      onFetching: () => {
        this.#state = { kind: "fetching" };
      },
      signal,
    });
    this.#state = { kind: "fetching" };
    try {
      for (;;) {
        signal.throwIfAborted();
        if (!client.usable) throw new Failure("unavailable", client.byeReason ?? "the provider ended the connection");
        this.#woken = false;
        const worked = await session.step();
        this.#failures = 0;
        this.#refusalTold = false;
        if (!worked) await this.#watch(client, session);
      }
    } finally {
      this.#client = undefined;
      client.close();
    }
  }

  /** Waits in IDLE until somebody tells something, or it is time to look; the next command ends IDLE by itself. */
  async #watch(client: ImapFlow, session: AccountSession): Promise<void> {
    await session.openInbox();
    if (session.isUrgent || this.#woken) return;
    this.#state = { kind: "watching" };
    client.idle().catch(() => undefined);
    await this.#untilRoused(Math.max(0, session.pollAt - this.#options.context.clock.now()));
  }

  /** Asks the server for a sign of life; without one in good time the connection is given up. */
  #probe(): void {
    const client = this.#client;
    if (client === undefined) return;
    const cancel = this.#options.context.clock.after(PROBE_PATIENCE, () => client.close());
    client
      .noop()
      .catch(() => undefined)
      .finally(() => {
        cancel();
        // NOOP has ended IDLE.
        this.#rouse();
      });
  }

  /** There is something to do, but not before its time where the provider is to be left alone. */
  #rouse(): void {
    if (this.#state.kind === "waiting") return;
    this.#woken = true;
    this.#wake?.();
  }

  /** Resolves after so many milliseconds, or once there is something to do. */
  async #untilRoused(delay: number): Promise<void> {
    if (this.#stopping.signal.aborted || this.#woken) return;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.context.clock.after(delay, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = undefined;
  }
}

function connectionOf({ imap, proxy, address }: AccountSettings) {
  return { server: imap, proxy, isolation: address };
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

import type { Clock } from "../foundation/clock.ts";
import type { Database } from "../foundation/database.ts";
import { Failure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Account, AccountSettings, Secret } from "./accounts/account.ts";
import { Accounts } from "./accounts/accounts.ts";
import { AccountWorker, type IncomingProgress } from "./incoming/account-worker.ts";
import { readLegacyLetter } from "./incoming/incoming-letter.ts";
import { Ledger } from "./incoming/ledger.ts";
import type { SyncContext } from "./incoming/sync-context.ts";
import type { GatewayNotice, IncomingReader, LocalMail, LocalMailbox } from "./ports.ts";
import { openImap } from "./provider/imap-connection.ts";
import type { LoginSource } from "./provider/login.ts";
import { GATEWAY_SCHEMA } from "./schema.ts";

export interface GatewayOptions {
  readonly db: Database;
  readonly mail: LocalMail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly notify: (notice: GatewayNotice) => void;
  /** Opens what is encrypted; where absent, letters are shown as they came. */
  readonly read?: IncomingReader;
}

/** An account with what it is doing. */
export interface AccountStanding {
  readonly account: Account;
  readonly incoming: IncomingProgress;
}

/** What a provider answers when it is asked for nothing in particular. */
export interface AccountTest {
  readonly imap: { readonly host: string; readonly port: number; readonly folders: number; readonly inbox: number };
}

/** The old road: accounts at providers, whose letters come into the Maildir. */
export class LegacyGateway {
  readonly accounts: Accounts;
  readonly #options: GatewayOptions;
  readonly #workers = new Map<number, AccountWorker>();
  /** Marks what the gateway itself changes in the store. */
  readonly #origin = {};
  #unwatch: (() => void) | undefined;

  constructor(options: GatewayOptions) {
    options.db.migrate(GATEWAY_SCHEMA);
    this.#options = options;
    this.accounts = new Accounts(options.db);
  }

  /** Begins to fetch and to watch. */
  start(): void {
    this.#unwatch ??= this.#options.mail.watch((change) => {
      if (change.kind !== "messages" || change.change.origin === this.#origin) return;
      for (const worker of this.#workers.values()) worker.changedHere(change.mailbox.id);
    });
    for (const account of this.accounts.list()) this.#startWorker(account);
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = undefined;
    await Promise.all([...this.#workers.values()].map((worker) => worker.stop()));
    this.#workers.clear();
  }

  standings(): AccountStanding[] {
    return this.accounts.list().map((account) => ({ account, incoming: this.#progress(account.id) }));
  }

  /** Logs in once, and keeps the account only if that works. @throws Failure forbidden, unavailable, already-exists, invalid */
  async add(settings: AccountSettings, secret: Secret, signal?: AbortSignal): Promise<AccountTest> {
    if (this.accounts.byAddress(settings.address) !== undefined) this.accounts.add(settings, secret);
    const tested = await this.#test(settings, async () => loginOf(settings, secret), signal);
    const account = this.accounts.add(settings, secret);
    if (this.#unwatch !== undefined) this.#startWorker(account);
    return tested;
  }

  /** @throws Failure forbidden, unavailable, nonexistent */
  async test(address: string, signal?: AbortSignal): Promise<AccountTest> {
    const account = this.require(address);
    const tested = await this.#test(account, this.#login(account), signal);
    this.#workers.get(account.id)?.retry();
    return tested;
  }

  async pause(address: string): Promise<Account> {
    const account = this.require(address);
    this.accounts.setPaused(account.id, true);
    await this.#stopWorker(account.id);
    return { ...account, paused: true };
  }

  resume(address: string): Account {
    const account = this.require(address);
    this.accounts.setPaused(account.id, false);
    const resumed = { ...account, paused: false };
    if (this.#unwatch !== undefined) this.#startWorker(resumed);
    return resumed;
  }

  /** Letters that came from there stay here, and those that are there stay there. */
  async remove(address: string): Promise<Account> {
    const account = this.require(address);
    await this.#stopWorker(account.id);
    this.accounts.remove(account.id);
    return account;
  }

  /** @throws Failure nonexistent */
  require(address: string): Account {
    const account = this.accounts.byAddress(address);
    if (account === undefined)
      throw new Failure("nonexistent", `there is no account "${address}"; \`postern gateway list\` names them`);
    return account;
  }

  #progress(id: number): IncomingProgress {
    return this.#workers.get(id)?.progress() ?? { state: { kind: "off" }, folders: 0, total: 0, missing: 0, failed: 0 };
  }

  #startWorker(account: Account): void {
    if (account.paused || this.#workers.has(account.id)) return;
    const { db, mail, clock, logger, read = readLegacyLetter, notify } = this.#options;
    const context: SyncContext = {
      account,
      db,
      ledger: new Ledger(db, account.id),
      mail,
      read,
      clock,
      logger,
      origin: this.#origin,
      notify: (subject, text) => notify({ subject, text }),
      ownCopy: (mailbox, messageId) => this.#ownCopy(mailbox, messageId),
    };
    const worker = new AccountWorker({ context, login: this.#login(account) });
    this.#workers.set(account.id, worker);
    worker.start();
  }

  async #stopWorker(id: number): Promise<void> {
    const worker = this.#workers.get(id);
    this.#workers.delete(id);
    await worker?.stop();
  }

  #ownCopy(_mailbox: LocalMailbox, _messageId: string): number | undefined {
    return undefined;
  }

  #login(account: Account): LoginSource {
    return async () => loginOf(account, this.accounts.secret(account.id));
  }

  async #test(settings: AccountSettings, login: LoginSource, signal: AbortSignal | undefined): Promise<AccountTest> {
    const { imap: server, proxy, address: isolation } = settings;
    const client = await openImap({ server, login, proxy, isolation, signal });
    try {
      const folders = await client.list();
      const status = await client.status("INBOX", { messages: true });
      const inbox = status === false ? 0 : (status.messages ?? 0);
      return { imap: { host: server.host, port: server.port, folders: folders.length, inbox } };
    } finally {
      client.close();
    }
  }
}

function loginOf({ user }: AccountSettings, secret: Secret) {
  if (secret.kind === "password") return { user, password: secret.password };
  throw new Failure("invalid", "this kind of login is not known");
}

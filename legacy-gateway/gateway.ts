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
import { REFUSAL_SILENCE } from "./limits.ts";
import { AccountSender } from "./outgoing/account-sender.ts";
import { FirstAnswers } from "./outgoing/first-answers.ts";
import { LegacyOutbox } from "./outgoing/outbox.ts";
import { writePlainLetter } from "./outgoing/plain-letter.ts";
import { fileProviderCopies } from "./outgoing/provider-copies.ts";
import { LegacyRoad, type SendingAccount } from "./outgoing/road.ts";
import type { GatewayNotice, IncomingReader, LegacyReporter, LocalMail, OutgoingWriter } from "./ports.ts";
import { AccessTokens, type OAuthSecret } from "./provider/access-tokens.ts";
import { openImap } from "./provider/imap-connection.ts";
import type { LoginSource } from "./provider/login.ts";
import { knowPinned } from "./provider/look-at-certificate.ts";
import { localNetwork, type NetworkWatch } from "./provider/network-watch.ts";
import { type SmtpPatience, SmtpSession } from "./provider/smtp-connection.ts";
import { REFUSED_SUBJECT, refusedText } from "./refused-login.ts";
import { GATEWAY_SCHEMA } from "./schema.ts";

export interface GatewayOptions {
  readonly db: Database;
  readonly mail: LocalMail;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly notify: (notice: GatewayNotice) => void;
  readonly report: LegacyReporter;
  /** Opens what is encrypted; where absent, letters are shown as they came. */
  readonly read?: IncomingReader;
  /** Encrypts, or refuses; where absent, letters leave as they are from accounts that allow it. */
  readonly write?: OutgoingWriter;
  /** Why nothing may go to an old address by e-mail; the text is for a 550 reply. */
  readonly forbids?: (recipient: string) => string | undefined;
  /** Milliseconds before further attempts to connect. */
  readonly retryDelays?: readonly number[];
  /** Of what sends, and in `answer` of a submission that waits for the provider's word; those of `limits.ts` unless given. */
  readonly patience?: Partial<SmtpPatience & { readonly answer: number }>;
  /** This machine's own one where absent. */
  readonly network?: NetworkWatch;
}

/** An account with what it is doing. */
export interface AccountStanding {
  readonly account: Account;
  readonly incoming: IncomingProgress;
}

/** What a provider answers when it is asked for nothing in particular. */
export interface AccountTest {
  readonly imap: { readonly host: string; readonly port: number; readonly folders: number; readonly inbox: number };
  /** Absent where nothing is sent; the limit is in octets, where the provider says one. */
  readonly smtp?: { readonly host: string; readonly port: number; readonly sizeLimit?: number };
}

/** The old road: accounts at providers, whose letters come into the Maildir. */
export class LegacyGateway {
  readonly accounts: Accounts;
  readonly outbox: LegacyOutbox;
  /** What the submission needs to send by it. */
  readonly road: LegacyRoad;
  readonly #options: GatewayOptions;
  readonly #workers = new Map<number, AccountWorker>();
  readonly #senders = new Map<number, AccountSender>();
  readonly #logins = new Map<number, LoginSource>();
  readonly #answers = new FirstAnswers();
  /** When the user was told last that an account's login is refused. */
  readonly #refusalTold = new Map<number, number>();
  /** Marks what the gateway itself changes in the store. */
  readonly #origin = {};
  #unwatch: (() => void) | undefined;
  #unwatchNetwork: (() => void) | undefined;

  constructor(options: GatewayOptions) {
    options.db.migrate(GATEWAY_SCHEMA);
    this.#options = options;
    this.accounts = new Accounts(options.db);
    this.outbox = new LegacyOutbox(options.db);
    this.road = new LegacyRoad({
      accounts: this.accounts,
      outbox: this.outbox,
      answers: this.#answers,
      write: options.write ?? writePlainLetter,
      encrypts: options.write !== undefined,
      forbids: options.forbids,
      clock: options.clock,
      wake: (account) => {
        this.#senders.get(account)?.wake();
        return this.#senders.has(account);
      },
      answerPatience: options.patience?.answer,
    });
  }

  /** Begins to fetch and to watch. */
  start(): void {
    this.#unwatch ??= this.#options.mail.watch((change) => {
      if (change.kind !== "messages" || change.change.origin === this.#origin) return;
      for (const worker of this.#workers.values()) worker.changedHere(change.mailbox.id);
    });
    const { clock, network = localNetwork(clock) } = this.#options;
    this.#unwatchNetwork ??= network.watch(() => this.#networkChanged());
    this.outbox.sweep(this.#options.clock.now());
    for (const account of this.accounts.list()) this.#startAccount(account);
  }

  async close(): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = undefined;
    this.#unwatchNetwork?.();
    this.#unwatchNetwork = undefined;
    await Promise.all([...this.#workers.values(), ...this.#senders.values()].map((each) => each.stop()));
    await this.#answers.end();
    this.#workers.clear();
    this.#senders.clear();
  }

  standings(): AccountStanding[] {
    return this.accounts.list().map((account) => ({ account, incoming: this.#progress(account.id) }));
  }

  /** Logs in once, and keeps the account only if that works. @throws Failure forbidden, unavailable, already-exists, invalid */
  async add(settings: AccountSettings, secret: Secret, signal?: AbortSignal): Promise<AccountTest> {
    if (this.accounts.byAddress(settings.address) !== undefined) this.accounts.add(settings, secret);
    const { result, ...tried } = await this.#tryOut(settings, secret, signal);
    const account = this.accounts.add(tried.settings, tried.secret);
    if (this.#unwatch !== undefined) this.#startAccount(account);
    return result;
  }

  /**
   * Other settings, another secret, or both. What has to do with the connection is kept only if a login with it works; the
   * account goes on with it at once. @throws Failure nonexistent, forbidden, unavailable
   */
  async change(
    address: string,
    change: { readonly settings?: (before: AccountSettings) => AccountSettings; readonly secret?: Secret },
    signal?: AbortSignal,
  ): Promise<AccountTest | undefined> {
    const account = this.require(address);
    const settings = change.settings?.(account) ?? account;
    const tested =
      change.secret !== undefined || isOtherConnection(account, settings)
        ? await this.#tryOut(settings, change.secret ?? this.accounts.secret(account.id), signal)
        : undefined;
    this.#options.db.transaction(() => {
      this.accounts.setSettings(account.id, tested?.settings ?? settings);
      if (tested !== undefined) this.accounts.setSecret(account.id, tested.secret);
    });
    await this.reload(address);
    return tested?.result;
  }

  /** What was changed of an account counts from now on, and what it refused before is tried at once. */
  async reload(address: string): Promise<void> {
    const account = this.require(address);
    await this.#stopAccount(account.id);
    this.#logins.delete(account.id);
    if (this.#unwatch !== undefined) this.#startAccount(account);
    this.#hurry(account);
  }

  /** @throws Failure forbidden, unavailable, nonexistent */
  async test(address: string, signal?: AbortSignal): Promise<AccountTest> {
    const account = this.require(address);
    const tested = await this.#test(account, this.#login(account), signal);
    this.accounts.setSizeLimit(account.id, tested.smtp?.sizeLimit);
    this.#hurry(account);
    return tested;
  }

  async pause(address: string): Promise<Account> {
    const account = this.require(address);
    this.accounts.setPaused(account.id, true);
    await this.#stopAccount(account.id);
    return { ...account, paused: true };
  }

  resume(address: string): Account {
    const account = this.require(address);
    this.accounts.setPaused(account.id, false);
    const resumed = { ...account, paused: false };
    if (this.#unwatch !== undefined) this.#startAccount(resumed);
    return resumed;
  }

  /** Whether letters may leave from there that providers can read. */
  allowPlain(address: string, allowed: boolean): Account {
    const account = this.require(address);
    this.accounts.setPlain(account.id, allowed ? "allowed" : "refused");
    return this.require(address);
  }

  /**
   * Letters that came from there stay here, and those that are there stay there.
   * @throws Failure busy, where letters wait to be sent from there
   */
  async remove(address: string): Promise<Account> {
    const account = this.require(address);
    if (this.outbox.waits(account.id))
      throw new Failure("busy", `letters wait to be sent from ${account.address}: see postern queue`);
    await this.#stopAccount(account.id);
    this.#logins.delete(account.id);
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

  /** What was refused, or could not be reached, is tried at once. */
  #hurry({ id }: Account): void {
    this.#refusalTold.delete(id);
    this.#workers.get(id)?.retry();
    this.outbox.hurry(id, this.#options.clock.now());
    this.#senders.get(id)?.retry();
  }

  /** Fetching and sending meet the same refusal: the user hears of it once. */
  #notify({ id }: Account, subject: string, text: string): void {
    const { clock, notify } = this.#options;
    if (subject === REFUSED_SUBJECT) {
      const last = this.#refusalTold.get(id);
      if (last !== undefined && clock.now() - last < REFUSAL_SILENCE) return;
      this.#refusalTold.set(id, clock.now());
    }
    notify({ subject, text });
  }

  #networkChanged(): void {
    for (const worker of this.#workers.values()) worker.networkChanged();
  }

  #progress(id: number): IncomingProgress {
    return this.#workers.get(id)?.progress() ?? { state: { kind: "off" }, folders: 0, total: 0, missing: 0, failed: 0 };
  }

  #startAccount(account: Account): void {
    if (account.paused || this.#workers.has(account.id)) return;
    this.#startWorker(account);
    if (account.smtp !== undefined) this.#startSender({ ...account, smtp: account.smtp });
  }

  #startSender(account: SendingAccount): void {
    const { db, clock, logger, report, patience } = this.#options;
    const sender = new AccountSender({
      account,
      db,
      outbox: this.outbox,
      answers: this.#answers,
      login: this.#login(account),
      clock,
      logger,
      report,
      patience,
      onRefused: (reason) => this.#notify(account, REFUSED_SUBJECT, refusedText(account, reason)),
      onSizeLimit: (octets) => this.accounts.setSizeLimit(account.id, octets),
      fileCopies: (signal) =>
        fileProviderCopies(
          {
            account,
            db,
            outbox: this.outbox,
            login: this.#login(account),
            notify: (subject, text) => this.#notify(account, subject, text),
          },
          signal,
        ),
    });
    this.#senders.set(account.id, sender);
    sender.start();
  }

  #startWorker(account: Account): void {
    const { db, mail, clock, logger, read = readLegacyLetter } = this.#options;
    const context: SyncContext = {
      account,
      db,
      ledger: new Ledger(db, account.id),
      mail,
      read,
      clock,
      logger,
      origin: this.#origin,
      notify: (subject, text) => this.#notify(account, subject, text),
      ownCopy: (mailbox, messageId) => this.outbox.ownCopy(mailbox.id, messageId),
    };
    const { retryDelays } = this.#options;
    const worker = new AccountWorker({
      context,
      login: this.#login(account),
      ...(retryDelays !== undefined && { retryDelays }),
    });
    this.#workers.set(account.id, worker);
    worker.start();
  }

  async #stopAccount(id: number): Promise<void> {
    const [worker, sender] = [this.#workers.get(id), this.#senders.get(id)];
    this.#workers.delete(id);
    this.#senders.delete(id);
    await Promise.all([worker?.stop(), sender?.stop()]);
  }

  /** One for all connections of the account, so that they share its access token. */
  #login(account: Account): LoginSource {
    const known = this.#logins.get(account.id);
    if (known !== undefined) return known;
    const login = this.#loginWith(
      account,
      () => this.accounts.secret(account.id),
      (changed) => this.accounts.setSecret(account.id, changed),
    );
    this.#logins.set(account.id, login);
    return login;
  }

  #loginWith(settings: AccountSettings, read: () => Secret, store: (secret: Secret) => void): LoginSource {
    const { user, proxy, address: isolation } = settings;
    const { clock } = this.#options;
    const oauth = (): OAuthSecret => {
      const secret = read();
      if (secret.kind !== "oauth") throw new Failure("invalid", "the account has a password");
      return secret;
    };
    const tokens = new AccessTokens({ clock, proxy, isolation, read: oauth, store });
    return async (options) => {
      const secret = read();
      if (secret.kind === "password") return { user, password: secret.password };
      return { user, accessToken: await tokens.get(options) };
    };
  }

  /** Logs in with what is not kept yet; what is to be kept of it, should that be wanted. */
  async #tryOut(
    wished: AccountSettings,
    secret: Secret,
    signal: AbortSignal | undefined,
  ): Promise<{ result: AccountTest; settings: AccountSettings; secret: Secret }> {
    const { sizeLimit: _before, ...rest } = wished;
    const { proxy, address: isolation } = wished;
    const look = { proxy, isolation, signal };
    const imap = await knowPinned("imap", wished.imap, look);
    const smtp = wished.smtp && (await knowPinned("smtp", wished.smtp, look));
    const settings: AccountSettings = { ...rest, imap, ...(smtp !== undefined && { smtp }) };
    // What the provider gives in the place of a refresh token must not be lost.
    let latest = secret;
    const login = this.#loginWith(
      settings,
      () => latest,
      (changed) => {
        latest = changed;
      },
    );
    const result = await this.#test(settings, login, signal);
    const sizeLimit = result.smtp?.sizeLimit;
    return { result, settings: { ...settings, ...(sizeLimit !== undefined && { sizeLimit }) }, secret: latest };
  }

  async #test(settings: AccountSettings, login: LoginSource, signal: AbortSignal | undefined): Promise<AccountTest> {
    const { imap: server, smtp, proxy, address: isolation } = settings;
    const client = await openImap({ server, login, proxy, isolation, signal });
    try {
      const folders = await client.list();
      const status = await client.status("INBOX", { messages: true });
      const inbox = status === false ? 0 : (status.messages ?? 0);
      const imap = { host: server.host, port: server.port, folders: folders.length, inbox };
      if (smtp === undefined) return { imap };
      const session = await SmtpSession.open({ server: smtp, login, proxy, isolation, signal });
      session.close();
      const { sizeLimit } = session;
      return { imap, smtp: { host: smtp.host, port: smtp.port, ...(sizeLimit !== undefined && { sizeLimit }) } };
    } finally {
      client.close();
    }
  }
}

/** Whether another login would be made than before. */
function isOtherConnection(before: AccountSettings, after: AccountSettings): boolean {
  const connection = ({ user, imap, smtp, proxy }: AccountSettings) => JSON.stringify([user, imap, smtp, proxy]);
  return connection(before) !== connection(after);
}

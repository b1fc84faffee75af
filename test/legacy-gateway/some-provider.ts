import { systemClock } from "../../foundation/clock.ts";
import { silentLogger } from "../../foundation/logger.ts";
import { type RunningImapServer, startImapServer } from "../../imap-front/server.ts";
import type { AccountSettings } from "../../legacy-gateway/accounts/account.ts";
import { type GatewayOptions, LegacyGateway } from "../../legacy-gateway/gateway.ts";
import type { GatewayNotice, LegacyReport } from "../../legacy-gateway/ports.ts";
import type { Maildir } from "../../maildir/store.ts";
import { TestHome } from "../maildir/home.ts";

export const PASSWORD = { kind: "password", password: "secret" } as const;

/** A provider with an IMAP server, which is our own one over another store: it has all extensions that matter. */
export class SomeProvider {
  readonly home: TestHome;
  readonly mail: Maildir;
  #server: RunningImapServer;

  private constructor(home: TestHome, mail: Maildir, server: RunningImapServer) {
    this.home = home;
    this.mail = mail;
    this.#server = server;
  }

  static async start(): Promise<SomeProvider> {
    const home = new TestHome();
    const mail = await home.open();
    const login = async (user: string, password: string) =>
      user === "ann" && password === PASSWORD.password ? mail : undefined;
    const server = await startImapServer({
      host: "127.0.0.1",
      port: 0,
      plaintextLogin: true,
      mode: "starttls",
      authenticator: { login },
    });
    return new SomeProvider(home, mail, server);
  }

  get settings(): AccountSettings {
    return {
      address: "ann@old.example",
      user: "ann",
      imap: { host: "127.0.0.1", port: this.#server.port, security: "none" },
      folders: "merged",
      keeping: { kind: "keep" },
      plain: "refused",
      sentCopy: false,
    };
  }

  async stop(): Promise<void> {
    await this.#server.stop();
    await this.mail.close();
    this.home.remove();
  }
}

export type RecipientOptions = Partial<Pick<GatewayOptions, "clock" | "network" | "retryDelays">>;

/** Somebody whose Maildir a gateway fills. */
export class Recipient {
  readonly home: TestHome;
  mail: Maildir;
  gateway: LegacyGateway;
  readonly notices: GatewayNotice[] = [];
  readonly reports: LegacyReport[] = [];
  readonly #options: RecipientOptions;

  private constructor(home: TestHome, mail: Maildir, options: RecipientOptions) {
    this.home = home;
    this.mail = mail;
    this.#options = options;
    this.gateway = this.#open();
  }

  static async create(options: RecipientOptions = {}): Promise<Recipient> {
    const home = new TestHome();
    return new Recipient(home, await home.open(), options);
  }

  /** The bridge starts again, after a stop or, if it was not closed, after a crash. */
  async restart(): Promise<void> {
    await this.gateway.close();
    this.mail = await this.home.open();
    this.gateway = this.#open();
    this.gateway.start();
  }

  async close(): Promise<void> {
    await this.gateway.close();
    await this.mail.close();
    this.home.remove();
  }

  /** Resolves when the condition holds; asked after each change of the store, and now and then. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = performance.now() + 20_000;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`never: ${what}; ${JSON.stringify(this.gateway.standings())}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  /** All that the provider has is here, and it is watched. */
  async upToDate(): Promise<void> {
    await this.until("up to date", () =>
      this.gateway.standings().every(({ incoming }) => incoming.state.kind === "watching"),
    );
  }

  #open(): LegacyGateway {
    return new LegacyGateway({
      db: this.home.db,
      mail: this.mail,
      clock: systemClock,
      retryDelays: [20],
      logger: silentLogger,
      notify: (notice) => void this.notices.push(notice),
      ...this.#options,
      report: async (report, settle) => {
        this.reports.push(report);
        await this.home.db.commit(settle);
      },
    });
  }
}

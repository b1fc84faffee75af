import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway/gateway-keys.ts";
import { createLegacyReporter } from "../../../bridge/reports/legacy-reports.ts";
import { SentCopies } from "../../../bridge/submission/sent-copies.ts";
import { createSubmissionSink } from "../../../bridge/submission/submission.ts";
import { type Clock, systemClock } from "../../../foundation/clock.ts";
import type { AccountSettings } from "../../../legacy-gateway/accounts/account.ts";
import { LegacyGateway } from "../../../legacy-gateway/gateway.ts";
import type { KeyBook } from "../../../legacy-gateway/openpgp/key-book.ts";
import type { GatewayNotice } from "../../../legacy-gateway/ports.ts";
import type { SubmissionSink } from "../../../smtp-front/submission.ts";
import { SomeMail } from "../../bridge/some-mail.ts";

export const ANN = "ann@old.example";

export interface SomeGatewayOptions {
  /** Of the account ann@old.example; servers on 127.0.0.1, without TLS. */
  readonly imapPort?: number;
  readonly smtpPort: number;
  readonly user?: string;
  readonly password?: string;
  readonly settings?: Partial<AccountSettings>;
  readonly clock?: Clock;
}

/** Ann's bridge as far as old e-mail goes: submission, store, keys and gateway, put together as the bridge does it. */
export class SomeGateway {
  readonly mail: SomeMail;
  readonly keys: GatewayKeys;
  readonly book: KeyBook;
  readonly gateway: LegacyGateway;
  readonly notices: GatewayNotice[];
  /** What was logged, as JSON. */
  readonly logs: string[];
  readonly #sink: SubmissionSink;

  private constructor(
    parts: Pick<SomeGateway, "mail" | "keys" | "book" | "gateway" | "notices" | "logs">,
    sink: SubmissionSink,
  ) {
    this.mail = parts.mail;
    this.keys = parts.keys;
    this.book = parts.book;
    this.gateway = parts.gateway;
    this.notices = parts.notices;
    this.logs = parts.logs;
    this.#sink = sink;
  }

  static async start(options: SomeGatewayOptions): Promise<SomeGateway> {
    const { imapPort = 1, smtpPort, user = "ann", password = "secret", settings = {}, clock = systemClock } = options;
    const mail = await SomeMail.create();
    const { db, account, maildir, overlay, commands } = mail;
    const notices: GatewayNotice[] = [];
    const logs: string[] = [];
    const notify = (notice: GatewayNotice) => void notices.push(notice);
    const keys = openGatewayKeys({ db, now: () => clock.now(), notify });
    const gateway = new LegacyGateway({
      db,
      mail: maildir,
      clock,
      logger: (...said) => void logs.push(JSON.stringify(said)),
      notify,
      report: createLegacyReporter({ db, account, maildir, now: () => clock.now() }),
      read: keys.read,
      write: keys.write,
    });
    const sink = createSubmissionSink({
      db,
      account,
      maildir,
      overlay,
      sentCopies: new SentCopies(db),
      commands,
      introduces: false,
      messageIdKey: Buffer.alloc(32, 7),
      clock,
      legacy: gateway.road,
    });
    const place = { host: "127.0.0.1", security: "none" } as const;
    gateway.accounts.add(
      {
        address: ANN,
        user,
        imap: { ...place, port: imapPort },
        smtp: { ...place, port: smtpPort },
        folders: "merged",
        keeping: { kind: "keep" },
        plain: "refused",
        sentCopy: false,
        ...settings,
      },
      { kind: "password", password },
    );
    gateway.start();
    return new SomeGateway({ mail, keys, book: await keys.book(), gateway, notices, logs }, sink);
  }

  /** What her mail program submits. @throws SmtpReply */
  async submit(letter: string, ...to: readonly string[]): Promise<void> {
    await this.submitFrom(ANN, letter, ...to);
  }

  /** The same from another one of her addresses. */
  async submitFrom(from: string, letter: string, ...to: readonly string[]): Promise<void> {
    const content = (async function* () {
      yield Buffer.from(letter, "latin1");
    })();
    await this.#sink.checkSender(from);
    for (const address of to) await this.#sink.checkRecipient({ address }, from);
    await this.#sink.submit({ from, recipients: to.map((address) => ({ address })), content });
  }

  /** The letter in her INBOX with that in it, as her mail program sees it. @throws if it does not come in time */
  async arrived(text: string, patience = 30_000): Promise<{ text: string; flags: readonly string[] }> {
    return await untilThere(
      `a letter with "${text}"`,
      async () => (await this.mail.messages("INBOX")).find((letter) => letter.text.includes(text)),
      patience,
    );
  }

  async stop(): Promise<void> {
    await this.gateway.close();
    await this.mail.close();
  }
}

/** Asks again until there is something. @throws if there is nothing in so many milliseconds */
export async function untilThere<T>(
  what: string,
  look: () => Promise<T | undefined> | T | undefined,
  patience = 30_000,
): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not there in ${patience} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

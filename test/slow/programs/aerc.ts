import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailAccount, Security } from "./mail-account.ts";
import { programPath } from "./program.ts";
import { Terminal } from "./terminal.ts";

export interface AercOptions {
  readonly account: MailAccount;
  readonly security: Security;
  /** A folder for its settings. */
  readonly home: string;
}

/** How long a large mailbox or a search of texts may take, in milliseconds. */
const PATIENCE = 90_000;

/** A line of the list of letters by the end of its subject; the screen's last line, which repeats a search, has no end. */
const ROW = "s\\d{5}\\n";

/** aerc in a terminal, driven by its commands, its INBOX open. */
export class Aerc {
  readonly #terminal: Terminal;
  readonly #home: string;

  private constructor(terminal: Terminal, home: string) {
    this.#terminal = terminal;
    this.#home = home;
  }

  /** @throws with what the screen shows, where it does not list letters, as when it does not trust the certificate */
  static async start({ account, security, home }: AercOptions): Promise<Aerc> {
    const aerc = programPath("aerc", "aerc");
    const settings = join(home, "config", "aerc");
    mkdirSync(settings, { recursive: true, mode: 0o700 });
    writeFileSync(join(settings, "accounts.conf"), accounts(account, security), { mode: 0o600 });
    writeFileSync(join(settings, "aerc.conf"), appearance(home));
    writeFileSync(join(settings, "binds.conf"), "[messages]\n\n");
    writeFileSync(join(home, "editor"), `#!/bin/sh\ncat '${join(home, "body")}' >>"$1"\n`, { mode: 0o700 });
    const environment = [
      `XDG_CONFIG_HOME=${join(home, "config")}`,
      `XDG_CACHE_HOME=${join(home, "cache")}`,
      `XDG_DATA_HOME=${join(home, "data")}`,
      // Go's list of authorities.
      `SSL_CERT_FILE=${account.caFile}`,
      "SSL_CERT_DIR=/nonexistent",
    ];
    const terminal = await Terminal.start(home, programPath("env", "coreutils"), ...environment, aerc);
    try {
      const screen = await terminal.untilShown(new RegExp(`${ROW}|x509: `), PATIENCE);
      if (screen.includes("x509: ")) throw new Error(`aerc does not trust the certificate:\n${screen}`);
    } catch (error) {
      await terminal.stop();
      throw error;
    }
    return new Aerc(terminal, home);
  }

  /** Resolves once the list of letters, or a letter that is open, shows this. */
  async untilShown(pattern: RegExp): Promise<string> {
    return await this.#terminal.untilShown(pattern, PATIENCE);
  }

  /** Opens the letter that a search finds, and goes back to the list once it shows this. */
  async read(search: string, subject: string, shown: RegExp): Promise<void> {
    await this.#find(search, subject);
    await this.#command("view");
    await this.untilShown(shown);
    await this.#command("close");
  }

  /** Runs a command on the letter that a search finds, and resolves once aerc says that this is done. */
  async onOne(search: string, subject: string, command: string, done: RegExp): Promise<void> {
    await this.#find(search, subject);
    await this.#command(command);
    await this.untilShown(done);
  }

  /** Writes a letter; sends it and files a copy, or puts it among the drafts. */
  async write({ to, subject, body }: { to: string; subject: string; body: string }, then: "send" | "postpone") {
    writeFileSync(join(this.#home, "body"), body);
    await this.#command(`compose -H 'To: ${to}' -H 'Subject: ${subject}'`);
    await this.untilShown(/^Send this email\?/m);
    await this.#command(then);
    await this.untilShown(then === "send" ? /Message sent\./ : /Message postponed\./);
  }

  /** Goes to the top of the list, where the newest letters are. */
  async goToNewest(): Promise<void> {
    await this.#command("select 0");
  }

  /** Opens a folder; resolves once it lists a letter whose subject has this end. */
  async open(folder: string, subject: string): Promise<void> {
    await this.#command(`cf '${folder}'`);
    await this.untilShown(new RegExp(`${literal(subject)}\\n`));
  }

  async quit(): Promise<void> {
    await this.#command("quit");
    await this.#terminal.untilEnded();
  }

  async stop(): Promise<void> {
    await this.#terminal.stop();
  }

  /**
   * Makes the letter that a search finds the selected one. The letter must be so far from the one before that it comes onto the
   * screen with that: what is selected does not show in the screen's text.
   */
  async #find(search: string, subject: string): Promise<void> {
    const row = new RegExp(`${literal(subject)}\\n`);
    if (row.test(await this.#terminal.screen())) throw new Error(`${subject} is on the screen before it is looked for`);
    await this.#command(`search ${search}`);
    await this.untilShown(row);
  }

  /** Types a command where aerc shows its prompt. */
  async #command(text: string): Promise<void> {
    await this.#terminal.press(":");
    await this.#terminal.untilShown(/^:$/m);
    await this.#terminal.type(text);
    await this.#terminal.untilShown(new RegExp(`^:${literal(text)}`, "m"));
    await this.#terminal.press("Enter");
    await this.#terminal.untilShown(/^(?![^]*\n:)/);
  }
}

function accounts({ address, user, password, imap, smtp }: MailAccount, security: Security): string {
  const person = `${encodeURIComponent(user)}:${password}`;
  const [imapScheme, smtpScheme] = security === "tls" ? ["imaps", "smtps+plain"] : ["imap", "smtp+plain"];
  return `
[t]
source = ${imapScheme}://${person}@${imap.host}:${imap.port}
outgoing = ${smtpScheme}://${person}@${smtp.host}:${smtp.port}
smtp-starttls = ${security === "tls" ? "no" : "yes"}
copy-to = Sent
postpone = Drafts
default = INBOX
from = A Person <${address}>
cache-headers = true
`;
}

function appearance(home: string): string {
  return `
[ui]
index-format = %Z %s
mouse-enabled = false
[viewer]
pager = cat
[filters]
text/plain = cat
text/html = cat
[compose]
editor = ${join(home, "editor")}
`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailAccount, Security } from "./mail-account.ts";
import { programPath } from "./program.ts";
import { Terminal } from "./terminal.ts";

export interface MuttOptions {
  /** NeoMutt is driven in the same way. */
  readonly program?: "mutt" | "neomutt";
  readonly account: MailAccount;
  readonly security: Security;
  /** A folder for its settings and files. */
  readonly home: string;
}

export interface MuttLetter {
  readonly to: string;
  readonly subject: string;
  readonly body: string;
  /** Path of a file to attach; without spaces, which mutt's prompt takes for a key of its own. */
  readonly attachment?: string;
}

/** How long a search of texts, or opening a large mailbox, may take, in milliseconds. */
const SEARCH_PATIENCE = 240_000;

const LIMITED = /^-.*Mutt: .*\[Msgs:\d+\/\d+\]/m;

/** Mutt in a terminal, its INBOX open. It files sent letters in Sent itself, as its manual proposes. */
export class Mutt {
  readonly #terminal: Terminal;
  readonly #home: string;

  private constructor(terminal: Terminal, home: string) {
    this.#terminal = terminal;
    this.#home = home;
  }

  /** @throws with what the screen shows, where mutt does not come to its INBOX or asks whether to trust the certificate */
  static async start({ program = "mutt", account, security, home }: MuttOptions): Promise<Mutt> {
    const path = programPath(program, program);
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, "muttrc"), settings(account, security, home), { mode: 0o600 });
    writeFileSync(join(home, "editor"), `#!/bin/sh\ncat '${join(home, "body")}' >>"$1"\n`, { mode: 0o700 });
    const terminal = await Terminal.start(home, path, "-n", "-F", join(home, "muttrc"));
    try {
      const screen = await terminal.untilShown(/^-.*Mutt: .*INBOX \[Msgs:\d+|^\(r\)eject/m, SEARCH_PATIENCE);
      if (screen.includes("(r)eject")) throw new Error(`mutt does not trust the certificate:\n${screen}`);
    } catch (error) {
      await terminal.stop();
      throw error;
    }
    return new Mutt(terminal, home);
  }

  /** Resolves once the index lists a letter with this subject; new ones are to show up by themselves. */
  async untilListed(subject: string): Promise<void> {
    await this.#terminal.untilShown(new RegExp(`^.* ${literal(subject)}$`, "m"));
  }

  /** Opens the letter with this subject, and resolves with what the pager shows once that is there. */
  async read(subject: string, shown: RegExp): Promise<string> {
    await this.#select(subject);
    await this.#terminal.press("Enter");
    const screen = await this.#terminal.untilShown(shown);
    await this.#terminal.press("q");
    await this.#backToAll();
    return screen;
  }

  /** Writes a letter in the composer and sends it. */
  async send({ to, subject, body, attachment }: MuttLetter): Promise<void> {
    writeFileSync(join(this.#home, "body"), body);
    await this.#terminal.press("m");
    await this.#terminal.answer(/^To:/m, to);
    await this.#terminal.answer(/^Subject:/m, subject);
    await this.#finish(attachment);
  }

  /** Answers the letter with this subject to its sender. */
  async reply(subject: string, body: string): Promise<void> {
    writeFileSync(join(this.#home, "body"), body);
    await this.#select(subject);
    await this.#terminal.press("r");
    await this.#finish();
    await this.#backToAll();
  }

  /** Searches the letters' texts on the server; resolves with how many are shown then. */
  async countWithText(text: string): Promise<number> {
    await this.#terminal.press("l");
    await this.#terminal.answer(/^Limit to messages matching/m, `=b ${text}`);
    const screen = await this.#terminal.untilShown(LIMITED, SEARCH_PATIENCE);
    await this.#backToAll();
    return Number(/\[Msgs:(\d+)/.exec(screen)?.[1]);
  }

  /** Marks the letter with this subject as important, and writes that to the server. */
  async flag(subject: string): Promise<void> {
    await this.#onOne(subject, "F");
  }

  /** `folder` as for an attachment: without spaces. */
  async copyTo(subject: string, folder: string): Promise<void> {
    await this.#file("C", subject, folder);
  }

  async moveTo(subject: string, folder: string): Promise<void> {
    await this.#file("s", subject, folder);
  }

  /** Deletes the letter with this subject for good. */
  async delete(subject: string): Promise<void> {
    await this.#onOne(subject, "d");
  }

  /** Opens a folder; resolves once the index shows it with that many letters. */
  async open(folder: string, messages: number): Promise<void> {
    await this.#terminal.press("c");
    await this.#terminal.answer(/^Open mailbox/m, folder);
    await this.#terminal.untilShown(new RegExp(`^-.*Mutt: .*\\[Msgs:${messages}\\]`, "m"), SEARCH_PATIENCE);
  }

  /** Puts a letter that is being written among the drafts. */
  async postpone({ to, subject, body }: MuttLetter): Promise<void> {
    writeFileSync(join(this.#home, "body"), body);
    await this.#terminal.press("m");
    await this.#terminal.answer(/^To:/m, to);
    await this.#terminal.answer(/^Subject:/m, subject);
    await this.#terminal.untilShown(/^-- (?:Neo)?Mutt: Compose/m);
    await this.#terminal.press("P");
    await this.#terminal.untilShown(/^-.*Mutt: .*\[Msgs:/m);
  }

  /** Changes nothing on the server that was not asked for, writes what was, and ends. */
  async quit(): Promise<void> {
    await this.#terminal.press("q");
    const status = await this.#terminal.untilEnded();
    if (status !== 0) throw new Error(`mutt ended with ${status}: ${await this.#terminal.screen()}`);
  }

  /** Ends it in whatever state it is. */
  async stop(): Promise<void> {
    await this.#terminal.stop();
  }

  async #finish(attachment?: string): Promise<void> {
    await this.#terminal.untilShown(/^-- (?:Neo)?Mutt: Compose/m);
    if (attachment !== undefined) {
      await this.#terminal.press("a");
      await this.#terminal.answer(/^Attach file/m, attachment);
      await this.#terminal.untilShown(/^.{0,4}A +2 /m);
    }
    await this.#terminal.press("y");
    await this.#terminal.untilShown(/Mail sent\./);
  }

  async #onOne(subject: string, key: string): Promise<void> {
    await this.#select(subject);
    await this.#terminal.press(key);
    await this.#writeChanges();
  }

  async #file(key: string, subject: string, folder: string): Promise<void> {
    await this.#select(subject);
    await this.#terminal.press(key);
    await this.#terminal.answer(/^(?:Copy|Save) to mailbox/m, folder);
    await this.#terminal.untilShown(/^(?![^]*\n(?:Copy|Save) to mailbox)/);
    await this.#writeChanges();
  }

  async #select(subject: string): Promise<void> {
    await this.#terminal.press("l");
    // A POSIX expression: a bracket makes any character plain.
    const pattern = subject.replace(/[?*+.()[\]{}|]/g, "[$&]");
    await this.#terminal.answer(/^Limit to messages matching/m, `~s "${pattern}$"`);
    await this.#terminal.untilShown(/^-.*Mutt: .*\[Msgs:1\/\d+\]/m);
  }

  /** Among all letters: NeoMutt cannot leave a limit of which nothing is left. */
  async #writeChanges(): Promise<void> {
    await this.#backToAll();
    await this.#terminal.press("$");
  }

  async #backToAll(): Promise<void> {
    await this.#terminal.press("l");
    await this.#terminal.answer(/^Limit to messages matching/m, "all");
    await this.#terminal.untilShown(/^-.*Mutt: .*\[Msgs:\d+[ \]]/m);
  }
}

function settings(account: MailAccount, security: Security, home: string): string {
  const user = encodeURIComponent(account.user);
  const [imap, smtp] = security === "tls" ? ["imaps", "smtps"] : ["imap", "smtp"];
  const folder = `${imap}://${user}@${account.imap.host}:${account.imap.port}`;
  return `
set folder="${folder}/"
set spoolfile="${folder}/INBOX"
set record="${folder}/Sent"
set postponed="${folder}/Drafts"
set imap_user="${account.user}"
set imap_pass="${account.password}"
set smtp_url="${smtp}://${user}@${account.smtp.host}:${account.smtp.port}/"
set smtp_pass="${account.password}"
set ssl_starttls=${security === "starttls" ? "yes" : "no"}
set ssl_force_tls=yes
set ssl_ca_certificates_file="${account.caFile}"
set ssl_verify_host=yes
set ssl_verify_dates=yes
set certificate_file="${join(home, "accepted-certificates")}"
set from="${account.address}"
set use_from=yes
set use_envelope_from=yes
set realname="A Person"
set tmpdir="${home}"
set editor="${join(home, "editor")}"
set imap_idle=yes
set timeout=1
set mail_check=120
set copy=yes
set fast_reply=yes
set include=no
set abort_nosubject=no
set confirmappend=no
set move=no
set quit=yes
set status_format="-%r-Mutt: %f [Msgs:%?M?%M/?%m]"
set delete=yes
set sort=date-received
set index_format="%4C %Z %-30.30F %s"
set pager_index_lines=0
set help=no
set wait_key=no
set beep=no
set charset=utf-8
set send_charset="us-ascii:utf-8"
`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

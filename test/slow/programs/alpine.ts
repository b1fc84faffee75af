import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MailAccount, Security } from "./mail-account.ts";
import { programPath } from "./program.ts";
import { Terminal } from "./terminal.ts";

export interface AlpineOptions {
  readonly account: MailAccount;
  readonly security: Security;
  /** A folder for its settings. */
  readonly home: string;
}

/** How long opening a large mailbox, or a search of texts, may take, in milliseconds. */
const PATIENCE = 90_000;

/**
 * Alpine in a terminal, the index of its INBOX open. It shows what it has to say one after the other, and the second of two
 * messages on one deed may wait for the next key: either is taken.
 */
export class Alpine {
  readonly #terminal: Terminal;

  private constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** @throws with what the screen shows, where it does not come to its INBOX, as when it does not trust the certificate */
  static async start({ account, security, home }: AlpineOptions): Promise<Alpine> {
    const alpine = programPath("alpine", "alpine");
    mkdirSync(home, { recursive: true, mode: 0o700 });
    writeFileSync(join(home, "pinerc"), settings(account, security), { mode: 0o600 });
    // OpenSSL's list of authorities.
    const environment = [`SSL_CERT_FILE=${account.caFile}`, "SSL_CERT_DIR=/nonexistent"];
    const command = [alpine, "-p", join(home, "pinerc"), "-P", "/dev/null", "-i"];
    const terminal = await Terminal.start(home, programPath("env", "coreutils"), ...environment, ...command);
    try {
      const screen = await terminal.untilShown(/ENTER PASSWORD:|certificate/, PATIENCE);
      if (screen.includes("certificate")) throw new Error(`alpine does not trust the certificate:\n${screen}`);
      await terminal.type(account.password);
      // What comes before it has read the rest may be lost.
      await terminal.untilShown(new RegExp(`ENTER PASSWORD: \\*{${account.password.length}}`));
      await terminal.press("Enter");
      await terminal.untilShown(/\[Folder "INBOX" opened/, PATIENCE);
    } catch (error) {
      await terminal.stop();
      throw error;
    }
    return new Alpine(terminal);
  }

  /** Makes the letter with this number in its folder the current one; resolves once its subject is listed. */
  async jump(number: number, subject: string): Promise<void> {
    await this.#terminal.press("j");
    await this.#terminal.answer(/^Message number to jump to/m, String(number));
    await this.#untilShown(
      new RegExp(`Message +${number.toLocaleString("en")} of [^]* ${number} .*${literal(subject)}$`, "m"),
    );
  }

  /** Opens the current letter, and goes back to the index once it shows this. */
  async read(shown: RegExp): Promise<void> {
    await this.#terminal.press("Enter");
    await this.#untilShown(shown);
    await this.#terminal.type("<");
    await this.#untilShown(/MESSAGE INDEX /);
  }

  /** How many letters the server finds that hold this text. */
  async countWithText(text: string): Promise<number> {
    await this.#terminal.type(";");
    await this.#untilShown(/^SELECT criteria/m);
    await this.#terminal.press("t");
    await this.#untilShown(/^Select based on To/m);
    await this.#terminal.press("a");
    await this.#terminal.answer(/^String in message TEXT/m, text);
    const screen = await this.#untilShown(/\[Select matched \d+ message/);
    await this.#terminal.type(";");
    await this.#untilShown(/^ALTER message selection/m);
    await this.#terminal.press("a");
    await this.#untilShown(/ {3}MESSAGE INDEX /);
    return Number(/matched (\d+)/.exec(screen)?.[1]);
  }

  /** Marks the current letter as important. */
  async flag(): Promise<void> {
    await this.#terminal.type("*");
    await this.#untilShown(/^Flag New, Deleted/m);
    await this.#terminal.type("*");
    await this.#untilShown(/\[Flagged message \d+ "Important"\]/);
  }

  async copyTo(folder: string): Promise<void> {
    await this.#terminal.press("s");
    await this.#terminal.answer(/^SAVE Msg /m, folder);
    await this.#untilShown(/\[Message \d+ copied to folder|\[Saving +DONE\]/);
  }

  /** Deletes the current letter for good. */
  async delete(): Promise<void> {
    await this.#terminal.press("d");
    await this.#untilShown(/\[Message \d+ marked for deletion\]/);
    await this.#terminal.press("x");
    await this.#untilShown(/\[1 message expunged from folder/);
  }

  /** Puts a letter that is being written among the drafts. */
  async postpone({ to, subject, body }: { to: string; subject: string; body: string }): Promise<void> {
    await this.#terminal.press("c");
    await this.#untilShown(/COMPOSE MESSAGE/);
    await this.#fill(to, new RegExp(`^To +: ${literal(to)}`, "m"));
    // From To over Cc and Attchmnt to Subject.
    await this.#terminal.press("Down", "Down", "Down");
    await this.#fill(subject, new RegExp(`^Subject : ${literal(subject)}`, "m"));
    await this.#terminal.press("Down");
    await this.#fill(body, new RegExp(`^${literal(body)}`, "m"));
    await this.#terminal.press("C-o");
    await this.#untilShown(/\[Writing postponed message +DONE\]|\[Composition postponed/);
  }

  async quit(): Promise<void> {
    await this.#terminal.press("q");
    await this.#terminal.untilEnded();
  }

  /** Ends it in whatever state it is. */
  async stop(): Promise<void> {
    await this.#terminal.stop();
  }

  async #fill(text: string, shown: RegExp): Promise<void> {
    await this.#terminal.type(text);
    await this.#untilShown(shown);
  }

  async #untilShown(pattern: RegExp): Promise<string> {
    return await this.#terminal.untilShown(pattern, PATIENCE);
  }
}

/**
 * It compares the certificate with host names alone, never with addresses: thus `localhost`. Its names of users are at most
 * 64 octets long, which the whole address is not.
 */
function settings({ address, imap }: MailAccount, security: Security): string {
  const [user, domain] = address.split("@");
  const server = `localhost:${imap.port}/${security === "tls" ? "ssl" : "tls"}/user=${user}`;
  return `
personal-name=A Person
user-domain=${domain}
inbox-path={${server}}INBOX
folder-collections=Bridge {${server}}[]
postponed-folder=Drafts
feature-list=quit-without-confirm,enable-aggregate-command-set,enable-flag-cmd,expunge-without-confirm,
  expunge-without-confirm-everywhere,save-will-not-delete,save-will-not-advance,disable-password-file-saving
last-version-used=6.26
sort-key=Arrival
character-set=UTF-8
`;
}

function literal(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

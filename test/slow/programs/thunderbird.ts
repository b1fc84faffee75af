import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import type { MailAccount, Security } from "./mail-account.ts";
import { Marionette } from "./marionette.ts";
import { programPath, RunningProgram, runWell } from "./program.ts";
import { XDisplay } from "./x-display.ts";

const INSIDE = ["./thunderbird-inside.js", "./thunderbird-openpgp-inside.js"]
  .map((name) => readFileSync(new URL(name, import.meta.url), "utf8"))
  .join("\n");

/** How long it may take to quit, in milliseconds. */
const QUIT_PATIENCE = 30_000;

/** `socketType` and `try_ssl`, as its account manager writes them. */
const SOCKET_TYPE: Readonly<Record<ThunderbirdOptions["security"], number>> = { none: 0, starttls: 2, tls: 3 };
/** `authMethod`: a password, in the clear under TLS. */
const NORMAL_PASSWORD = 3;

export interface ThunderbirdOptions {
  readonly account: MailAccount;
  /** `none` for servers of a test's own. */
  readonly security: Security | "none";
  /** A folder for its profile, new or one that it has used. */
  readonly home: string;
}

/** Which folder, by what it is for; Thunderbird's own names for that. */
export type FolderUse = "Inbox" | "SentMail";

export interface ShownLetter {
  readonly from: string;
  /** What the message pane shows. */
  readonly text: string;
  readonly attachments: readonly { readonly name: string; readonly content: Buffer }[];
}

/** What its window says of a letter with OpenPGP. */
export interface ProtectedLetter {
  readonly text: string;
  /** In the letter's header, and in the list once the letter was opened. */
  readonly subject: string;
  readonly listedSubject: string;
  /** Its own words, `VALID_KEY_VERIFIED` for instance. */
  readonly signature: string;
  readonly encryption: string;
  /** The sender's key came with it, and is not known yet. */
  readonly keyOffered: boolean;
}

/** What its list knows of a letter. */
export interface ListedLetter {
  readonly subject: string;
  readonly read: boolean;
  readonly starred: boolean;
  readonly octets: number;
}

/** A whole folder. */
export interface Listed {
  /** Letters of all folders whose headers it has fetched since it started. */
  readonly fetched: number;
  readonly unread: number;
  readonly letters: readonly ListedLetter[];
}

/** Thunderbird on a display and with a profile of its own, driven through its windows. */
export class Thunderbird {
  readonly #home: string;
  readonly #display: XDisplay;
  readonly #program: RunningProgram;
  readonly #marionette: Marionette;

  private constructor(home: string, display: XDisplay, program: RunningProgram, marionette: Marionette) {
    this.#home = home;
    this.#display = display;
    this.#program = program;
    this.#marionette = marionette;
  }

  /** @throws with its reason, where it does not come to the INBOX */
  static async start({ account, security, home }: ThunderbirdOptions): Promise<Thunderbird> {
    const path = programPath("thunderbird", "thunderbird");
    const profile = join(home, "profile");
    mkdirSync(profile, { recursive: true, mode: 0o700 });
    const port = await freePort();
    writeFileSync(
      join(profile, "user.js"),
      formatPreferences({ ...quiet, ...preferences(account, security), "marionette.port": port }),
    );
    if (security !== "none") await trust(profile, home, account.caFile);
    const display = await XDisplay.start(home);
    const args = ["--marionette", "--remote-allow-system-access", "--no-remote", "--profile", profile];
    const environment = { DISPLAY: display.name, MOZ_CRASHREPORTER_DISABLE: "1", NO_AT_BRIDGE: "1" };
    const program = RunningProgram.start(path, args, { home, environment });
    try {
      const marionette = await Marionette.open(port);
      await ask(marionette, "untilReady");
      const origins = [`imap://${account.imap.host}`, `smtp://${account.smtp.host}`];
      await ask(marionette, "rememberPassword", account.user, account.password, ...origins);
      await ask(marionette, "logIn");
      return new Thunderbird(home, display, program, marionette);
    } catch (error) {
      await program.stop();
      await display.stop();
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Thunderbird did not log in: ${reason}; it said: ${program.lastWords}`, { cause: error });
    }
  }

  /** Asks the server what is new in a folder. */
  async refresh(use: FolderUse): Promise<void> {
    await this.#ask("refresh", use);
  }

  /** Opens a folder; resolves with the subjects it lists once this one is among them. */
  async list(use: FolderUse, subject: string): Promise<readonly string[]> {
    return (await this.#ask("list", use, subject)) as string[];
  }

  /** Waits until a folder has so many letters, then opens it: it is slow to show letters one by one as they come. */
  async listAll(use: FolderUse, count: number): Promise<Listed> {
    return (await this.#ask("listAll", use, count)) as Listed;
  }

  /** Subjects of the letters in which the server finds a text. */
  async searchOnServer(use: FolderUse, text: string): Promise<readonly string[]> {
    return (await this.#ask("searchOnServer", use, text)) as string[];
  }

  /** Gives the letter that was read last a star. */
  async star(): Promise<void> {
    await this.#ask("star");
  }

  /** Resolves once it knows of a star that a letter was given elsewhere. */
  async untilStarred(use: FolderUse, subject: string): Promise<void> {
    await this.#ask("untilStarred", use, subject);
  }

  /** Moves the letter that was read last to the folder with this name. */
  async moveTo(folder: string): Promise<void> {
    await this.#ask("moveTo", folder);
  }

  /** Opens a letter, and resolves once its text is shown, with its attachments as "Save" saves them. */
  async read(use: FolderUse, subject: string, text: string): Promise<ShownLetter> {
    const directory = join(this.#home, "saved");
    mkdirSync(directory, { recursive: true });
    const shown = (await this.#ask("read", use, subject, text, directory)) as {
      from: string;
      text: string;
      attachments: string[];
    };
    const attachments = shown.attachments.map((name, index) => ({
      name,
      content: readFileSync(join(directory, String(index))),
    }));
    return { ...shown, attachments };
  }

  /** Writes a letter with a file attached, clicks Send, and resolves when the compose window has closed. */
  async send(letter: { to: string; subject: string; html: string; attachment: string }): Promise<void> {
    await this.#ask("send", letter.to, letter.subject, letter.html, letter.attachment);
  }

  /** Makes an OpenPGP key for the account and takes it into use; its fingerprint in lower case. */
  async makeOpenPgpKey(): Promise<string> {
    return (await this.#ask("makeOpenPgpKey")) as string;
  }

  /** Opens the letter that is listed under this subject, and resolves once its text is shown. */
  async readProtected(use: FolderUse, listed: string, text: string): Promise<ProtectedLetter> {
    return (await this.#ask("readProtected", use, listed, text)) as ProtectedLetter;
  }

  /** Takes the key that came with the letter that is shown for a verified one of its sender; its fingerprint. */
  async acceptSenderKey(): Promise<string> {
    return (await this.#ask("acceptSenderKey")) as string;
  }

  /** Writes a letter and sends it, signed or encrypted or both; resolves when the compose window has closed. */
  async sendProtected(
    letter: { readonly to: string; readonly subject: string; readonly text: string },
    how: { readonly sign: boolean; readonly encrypt: boolean },
  ): Promise<void> {
    await this.#ask("sendProtected", letter.to, letter.subject, `<p>${letter.text}</p>`, how);
  }

  /** Quits as by its menu. @throws where it does not end by itself */
  async quit(): Promise<void> {
    // The answer may be lost with the connection.
    await this.#marionette.quit().catch(() => undefined);
    const ended = await this.#program.untilEnded(QUIT_PATIENCE);
    await this.stop();
    if (!ended) throw new Error(`Thunderbird did not quit in ${QUIT_PATIENCE} ms`);
  }

  /** Ends it in whatever state it is. */
  async stop(): Promise<void> {
    this.#marionette.close();
    await this.#program.stop();
    await this.#display.stop();
  }

  async #ask(verb: string, ...args: readonly unknown[]): Promise<unknown> {
    return await ask(this.#marionette, verb, ...args);
  }
}

async function ask(marionette: Marionette, verb: string, ...args: readonly unknown[]): Promise<unknown> {
  return await marionette.execute(
    `${INSIDE}\nreturn await globalThis.verbs[args[0]](...args.slice(1));`,
    verb,
    ...args,
  );
}

/** Puts our authority into the profile's certificates, as its certificate manager does: trusted for servers alone. */
async function trust(profile: string, home: string, caFile: string): Promise<void> {
  const certutil = programPath("certutil", "libnss3-tools");
  const database = `sql:${profile}`;
  if (existsSync(join(profile, "cert9.db"))) return;
  await runWell(certutil, ["-N", "-d", database, "--empty-password"], { home });
  await runWell(certutil, ["-A", "-d", database, "-n", "Postern", "-t", "C,,", "-i", caFile], { home });
}

type Preference = string | number | boolean;

/** The account, as the account manager writes it. */
function preferences(account: MailAccount, security: ThunderbirdOptions["security"]): Record<string, Preference> {
  return {
    "mail.accountmanager.accounts": "account1",
    "mail.accountmanager.defaultaccount": "account1",
    "mail.account.account1.server": "server1",
    "mail.account.account1.identities": "id1",
    "mail.server.server1.type": "imap",
    "mail.server.server1.name": "Postern",
    "mail.server.server1.hostname": account.imap.host,
    "mail.server.server1.port": account.imap.port,
    "mail.server.server1.userName": account.user,
    "mail.server.server1.socketType": SOCKET_TYPE[security],
    "mail.server.server1.authMethod": NORMAL_PASSWORD,
    "mail.server.server1.login_at_startup": false,
    "mail.server.server1.offline_download": false,
    "mail.server.server1.autosync_offline_stores": false,
    "mail.identity.id1.fullName": "A Person",
    "mail.identity.id1.useremail": account.address,
    "mail.identity.id1.valid": true,
    "mail.identity.id1.smtpServer": "smtp1",
    "mail.smtpservers": "smtp1",
    "mail.smtp.defaultserver": "smtp1",
    "mail.smtpserver.smtp1.hostname": account.smtp.host,
    "mail.smtpserver.smtp1.port": account.smtp.port,
    "mail.smtpserver.smtp1.username": account.user,
    "mail.smtpserver.smtp1.try_ssl": SOCKET_TYPE[security],
    "mail.smtpserver.smtp1.authMethod": NORMAL_PASSWORD,
  };
}

/** No first-run pages, reminders, updates, or calls to anywhere. */
const quiet: Readonly<Record<string, Preference>> = {
  "app.donation.eoy.version.viewed": 999,
  "app.update.auto": false,
  "app.update.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "datareporting.policy.dataSubmissionPolicyBypassNotification": true,
  "extensions.blocklist.enabled": false,
  "extensions.getAddons.cache.enabled": false,
  "extensions.update.enabled": false,
  "mail.biff.play_sound": false,
  "mail.biff.show_alert": false,
  "mail.compose.attachment_reminder": false,
  "mail.compose.autosave": false,
  "mail.inappnotifications.enabled": false,
  "mail.provider.suppress_dialog_on_startup": true,
  "mail.rights.version": 1,
  "mail.shell.checkDefaultClient": false,
  "mail.spotlight.firstRunDone": true,
  "mailnews.database.global.indexer.enabled": false,
  "mailnews.start_page.enabled": false,
  "mailnews.start_page_override.mstone": "ignore",
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "network.manage-offline-status": false,
  "network.trr.mode": 5,
  "offline.autoDetect": false,
  "services.settings.server": "data:,none",
  "toolkit.telemetry.reportingpolicy.firstRun": false,
};

function formatPreferences(values: Readonly<Record<string, Preference>>): string {
  return Object.entries(values)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join("");
}

/** A port that nobody listens on: Marionette takes its port from the preferences. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A Dovecot of one's own on loopback, to import from or to measure beside: temporary, known to nobody, ended by its process id. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { connect } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect as secureConnect } from "node:tls";
import { freePort } from "./free-port.ts";
import { makeCertificate } from "./own-certificate.ts";

/** Milliseconds until it answers. */
const START_PATIENCE = 15_000;

export const DOVECOT_PROGRAM = "/usr/sbin/dovecot";

export const dovecotInstalled = (): boolean => existsSync(DOVECOT_PROGRAM);

/** A letter as Dovecot's Maildir has it. */
export interface FiledLetter {
  readonly content: Buffer;
  /** Maildir's letters for system flags, and those of `keywords`: `a` is the first one. */
  readonly letters: string;
  /** Seconds since 1970. */
  readonly date: number;
}

export interface DovecotOptions {
  /** TLS from the first octet, with a certificate of its own (`certificate`), instead of none. */
  readonly tls?: boolean;
  /** Messages are encrypted on disk by the plugin mail_crypt, with one global key. */
  readonly crypt?: boolean;
  /** A mail server may deliver to it (`lmtpSocket`) and ask it for passwords (`authSocket`); every user has a mailbox of their own. */
  readonly delivery?: boolean;
  /** Access tokens are taken too, by XOAUTH2 and OAUTHBEARER; this URL is asked whether they are good (RFC 7662). */
  readonly introspectionUrl?: string;
  /** Where it lies, with a short path; what an earlier one left there is used, and `stop` leaves it there again. */
  readonly keptIn?: string;
}

export class PrivateDovecot {
  readonly user = "ann";
  readonly password = "the-password-of-a-test";
  readonly port: number;
  readonly #directory: string;
  readonly #tls: boolean;
  readonly #kept: boolean;
  #process: ChildProcess | undefined;

  private constructor({ tls = false, keptIn }: DovecotOptions, port: number) {
    // Its sockets' paths have to be short.
    this.#directory = keptIn ?? mkdtempSync(join(tmpdir(), "pd-"));
    this.#kept = keptIn !== undefined;
    this.#tls = tls;
    this.port = port;
  }

  static async start(options: DovecotOptions = {}): Promise<PrivateDovecot> {
    const dovecot = new PrivateDovecot(options, await freePort());
    try {
      dovecot.#configure(options);
      await dovecot.resume();
    } catch (error) {
      await dovecot.stop();
      throw error;
    }
    return dovecot;
  }

  /** The master process; it runs a process for each logged in connection. @throws where it does not run */
  get pid(): number {
    const pid = this.#process?.pid;
    if (pid === undefined) throw new Error("Dovecot does not run");
    return pid;
  }

  /** Where the mail lies, with Dovecot's indexes. */
  get home(): string {
    return join(this.#directory, "home");
  }

  /** In PEM, with the option `tls`. */
  get certificate(): Buffer {
    return readFileSync(join(this.#directory, "certificate.pem"));
  }

  /** With the option `delivery`. */
  get lmtpSocket(): string {
    return join(this.#directory, "lmtp");
  }

  /** With the option `delivery`: Dovecot's own protocol for SASL. */
  get authSocket(): string {
    return join(this.#directory, "sasl");
  }

  get url(): string {
    return `imap://${this.user}@127.0.0.1:${this.port}`;
  }

  /** Starts it again after `interrupt`. */
  async resume(): Promise<void> {
    const child = spawn(DOVECOT_PROGRAM, ["-F", "-c", join(this.#directory, "dovecot.conf")], { stdio: "ignore" });
    this.#process = child;
    const end = performance.now() + START_PATIENCE;
    while (!(await answers(this.port, this.#tls))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`Dovecot did not start: ${this.log()}`);
      await pause(5);
    }
  }

  /** Ends it; its mail stays. */
  async interrupt(): Promise<void> {
    const child = this.#process;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, "exit");
    child.kill("SIGTERM");
    await gone;
  }

  async stop(): Promise<void> {
    await this.interrupt();
    if (!this.#kept) rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Puts letters into a folder before anybody opened it; the name is as it stands on disk (`.Work.Old`; empty: INBOX). */
  fill(folder: string, letters: readonly FiledLetter[], keywords: readonly string[] = []): void {
    const directory = join(this.#directory, "home", "Maildir", folder);
    for (const part of ["cur", "new", "tmp"]) mkdirSync(join(directory, part), { recursive: true });
    writeFileSync(join(directory, "dovecot-keywords"), keywords.map((name, index) => `${index} ${name}\n`).join(""));
    for (const [index, { content, letters: flags, date }] of letters.entries()) {
      const path = join(directory, "cur", `${String(index).padStart(8, "0")}.test:2,${flags}`);
      writeFileSync(path, content);
      utimesSync(path, date, date);
    }
    if (process.getuid?.() === 0) execFileSync("chown", ["-R", "mail:", join(this.#directory, "home")]);
  }

  log(): string {
    const path = join(this.#directory, "log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  #configure({ tls = false, crypt = false, delivery = false, introspectionUrl }: DovecotOptions): void {
    const directory = this.#directory;
    const root = process.getuid?.() === 0;
    const internal = root ? "dovecot" : userInfo().username;
    const owner = root ? "mail" : userInfo().username;
    const id = (kind: string): string => execFileSync("id", [kind, owner], { encoding: "utf8" }).trim();
    if (!existsSync(join(directory, "home"))) {
      mkdirSync(join(directory, "home"), { recursive: true });
      chmodSync(directory, 0o755);
      if (root) execFileSync("chown", ["mail:", join(directory, "home")]);
      if (tls) makeCertificate(join(directory, "certificate.pem"), join(directory, "certificate-key.pem"));
      if (crypt) makeKeyPair(join(directory, "crypt-private.pem"), join(directory, "crypt-public.pem"));
    }
    if (introspectionUrl !== undefined)
      writeFileSync(
        join(directory, "oauth2.conf"),
        `introspection_mode = post
introspection_url = ${introspectionUrl}
username_attribute = username
active_attribute = active
active_value = true
`,
      );
    writeFileSync(
      join(directory, "dovecot.conf"),
      `base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/log
protocols = imap${delivery ? " lmtp" : ""}
listen = 127.0.0.1
default_internal_user = ${internal}
default_internal_group = ${root ? internal : id("-gn")}
default_login_user = ${root ? "dovenull" : internal}
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
${
  tls
    ? `ssl = required
ssl_cert = <${directory}/certificate.pem
ssl_key = <${directory}/certificate-key.pem`
    : "ssl = no"
}
mail_location = maildir:~/Maildir
mail_max_userip_connections = 1000
default_vsz_limit = 2G
${
  crypt
    ? `mail_plugins = mail_crypt
plugin {
  mail_crypt_global_private_key = <${directory}/crypt-private.pem
  mail_crypt_global_public_key = <${directory}/crypt-public.pem
  mail_crypt_save_version = 2
}`
    : ""
}
${
  introspectionUrl === undefined
    ? ""
    : `auth_mechanisms = plain xoauth2 oauthbearer
passdb {
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = ${directory}/oauth2.conf
}`
}
passdb {
  driver = static
  mechanisms = plain login
  args = password=${this.password}
}
userdb {
  driver = static
  args = uid=${id("-u")} gid=${id("-g")} home=${directory}/home${delivery ? "/%Ln" : ""} allow_all_users=yes
}
${
  delivery
    ? `service lmtp {
  unix_listener ${this.lmtpSocket} {
    mode = 0666
  }
}
service auth {
  unix_listener ${this.authSocket} {
    mode = 0666
  }
}`
    : ""
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    special_use = \\Sent
  }
  mailbox Bin {
    special_use = \\Trash
  }
}
service imap-login {
  chroot =
  service_count = 0
  client_limit = 1000
  inet_listener imap {
    port = ${tls ? 0 : this.port}
  }
  inet_listener imaps {
    port = ${tls ? this.port : 0}
    ssl = yes
  }
}
service imap {
  service_count = 100
}
service anvil {
  chroot =
}
service stats {
  chroot =
}
`,
    );
  }
}

function makeKeyPair(privatePath: string, publicPath: string): void {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  writeFileSync(privatePath, privateKey.export({ type: "pkcs8", format: "pem" }));
  writeFileSync(publicPath, publicKey.export({ type: "spki", format: "pem" }));
}

async function answers(port: number, tls: boolean): Promise<boolean> {
  const socket = tls
    ? secureConnect({ port, host: "127.0.0.1", rejectUnauthorized: false })
    : connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

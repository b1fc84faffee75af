/** A Dovecot of one's own on loopback, to import from: temporary, known to nobody, ended by its process id. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
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
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";

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

export class PrivateDovecot {
  readonly user = "ann";
  readonly password = "the-password-of-a-test";
  readonly port: number;
  readonly #directory: string;
  #process: ChildProcess | undefined;

  private constructor(directory: string, port: number) {
    this.#directory = directory;
    this.port = port;
  }

  static async start(): Promise<PrivateDovecot> {
    // Its sockets' paths have to be short.
    const dovecot = new PrivateDovecot(mkdtempSync(join(tmpdir(), "pd-")), await freePort());
    dovecot.#configure();
    await dovecot.resume();
    return dovecot;
  }

  get url(): string {
    return `imap://${this.user}@127.0.0.1:${this.port}`;
  }

  /** Starts it again after `interrupt`. */
  async resume(): Promise<void> {
    const child = spawn(DOVECOT_PROGRAM, ["-F", "-c", join(this.#directory, "dovecot.conf")], { stdio: "ignore" });
    this.#process = child;
    const end = performance.now() + START_PATIENCE;
    while (!(await answers(this.port))) {
      if (child.exitCode !== null || performance.now() > end) throw new Error(`Dovecot did not start: ${this.log()}`);
      await pause(20);
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
    rmSync(this.#directory, { recursive: true, force: true });
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

  #configure(): void {
    const directory = this.#directory;
    const root = process.getuid?.() === 0;
    const internal = root ? "dovecot" : userInfo().username;
    const owner = root ? "mail" : userInfo().username;
    const id = (kind: string): string => execFileSync("id", [kind, owner], { encoding: "utf8" }).trim();
    mkdirSync(join(directory, "home"));
    chmodSync(directory, 0o755);
    if (root) execFileSync("chown", ["mail:", join(directory, "home")]);
    writeFileSync(
      join(directory, "dovecot.conf"),
      `base_dir = ${directory}/run
state_dir = ${directory}/state
log_path = ${directory}/log
protocols = imap
listen = 127.0.0.1
default_internal_user = ${internal}
default_internal_group = ${root ? internal : id("-gn")}
default_login_user = ${root ? "dovenull" : internal}
first_valid_uid = 1
first_valid_gid = 1
disable_plaintext_auth = no
ssl = no
mail_location = maildir:~/Maildir
mail_max_userip_connections = 100
passdb {
  driver = static
  args = password=${this.password}
}
userdb {
  driver = static
  args = uid=${id("-u")} gid=${id("-g")} home=${directory}/home
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
  inet_listener imap {
    address = 127.0.0.1
    port = ${this.port}
  }
  inet_listener imaps {
    port = 0
  }
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

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** A Postfix of one's own on loopback, which takes letters by submission and gives them to a private Dovecot; nothing leaves the machine. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { connect } from "node:tls";
import { freePort } from "./free-port.ts";
import { makeCertificate } from "./own-certificate.ts";
import type { PrivateDovecot } from "./private-dovecot.ts";

/** Milliseconds until it greets: its script looks at every file of the installation first. */
const START_PATIENCE = 60_000;
/** Milliseconds until it is gone. */
const STOP_PATIENCE = 15_000;

const POSTFIX_PROGRAM = "/usr/sbin/postfix";

/** It gives up root for itself where it can, and cannot do without it. */
export const postfixRuns = (): boolean => existsSync(POSTFIX_PROGRAM) && process.getuid?.() === 0;

export interface PostfixOptions {
  /** Started with the option `delivery`: knows the passwords, and takes the letters. */
  readonly dovecot: PrivateDovecot;
  /** Addresses that there are; every other one of their domains is refused at RCPT, and so is the rest of the world. */
  readonly mailboxes: readonly string[];
  /** Recipients that are answered with these words at RCPT, `452 4.2.2 Mailbox full` for instance. */
  readonly refused?: Readonly<Record<string, string>>;
  /** Octets of a letter. */
  readonly sizeLimit?: number;
}

export class PrivatePostfix {
  /** TLS from the first octet. */
  readonly port: number;
  /** STARTTLS. */
  readonly startTlsPort: number;
  readonly #directory: string;
  #script: ChildProcess | undefined;

  private constructor(directory: string, port: number, startTlsPort: number) {
    this.#directory = directory;
    this.port = port;
    this.startTlsPort = startTlsPort;
  }

  static async start(options: PostfixOptions): Promise<PrivatePostfix> {
    const directory = mkdtempSync(join(tmpdir(), "pp-"));
    const postfix = new PrivatePostfix(directory, await freePort(), await freePort());
    try {
      postfix.#configure(options);
      await postfix.resume();
    } catch (error) {
      await postfix.stop();
      throw error;
    }
    return postfix;
  }

  /** In PEM, for 127.0.0.1. */
  get certificate(): Buffer {
    return readFileSync(join(this.#directory, "certificate.pem"));
  }

  log(): string {
    const path = join(this.#directory, "log");
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  }

  /** Starts it again after `interrupt`. */
  async resume(): Promise<void> {
    const child = spawn(POSTFIX_PROGRAM, ["-c", join(this.#directory, "conf"), "start-fg"], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#script = child;
    let said = "";
    child.stderr?.on("data", (chunk: Buffer) => (said += chunk.toString()));
    const end = performance.now() + START_PATIENCE;
    while (!(await greets(this.port))) {
      if (child.exitCode !== null || performance.now() > end)
        throw new Error(`Postfix did not start: ${said}${this.log()}`);
      await pause(20);
    }
  }

  /** Ends it; its queue stays. */
  async interrupt(): Promise<void> {
    const child = this.#script;
    this.#script = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const gone = once(child, "exit");
    const timer = setTimeout(() => child.kill("SIGKILL"), STOP_PATIENCE);
    const master = this.#master();
    if (master === undefined) child.kill("SIGTERM");
    else process.kill(master, "SIGTERM");
    await gone;
    clearTimeout(timer);
  }

  async stop(): Promise<void> {
    await this.interrupt();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** The process that runs the others; the one that was started is a script around it. */
  #master(): number | undefined {
    const path = join(this.#directory, "queue/pid/master.pid");
    const pid = existsSync(path) ? Number(readFileSync(path, "utf8")) : 0;
    return pid > 0 ? pid : undefined;
  }

  #configure({ dovecot, mailboxes, refused = {}, sizeLimit = 10_000_000 }: PostfixOptions): void {
    const directory = this.#directory;
    // Its processes give up root, and have to get through to their queue.
    chmodSync(directory, 0o755);
    for (const part of ["conf", "queue", "data"]) mkdirSync(join(directory, part));
    execFileSync("chown", ["postfix", join(directory, "data")]);
    makeCertificate(join(directory, "certificate.pem"), join(directory, "certificate-key.pem"), "mx.provider.example");
    const domains = new Set(mailboxes.map((address) => address.slice(address.lastIndexOf("@") + 1)));
    const table = (entries: readonly (readonly [key: string, value: string])[]): string =>
      `inline:{${entries.map(([key, value]) => `{${key} = ${value}}`).join(", ")}}`;
    const refusals = Object.entries(refused);
    writeFileSync(
      join(directory, "conf/main.cf"),
      `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = ${directory}/log
maillog_file_prefixes = ${directory}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.provider.example
mynetworks =
mydestination =
local_transport = error:there is nobody
default_transport = error:nothing leaves this machine
virtual_transport = lmtp:unix:${dovecot.lmtpSocket}
virtual_mailbox_domains = ${[...domains].join(" ")}
virtual_mailbox_maps = ${table(mailboxes.map((address) => [address, "there"]))}
alias_maps =
alias_database =
message_size_limit = ${sizeLimit}
smtpd_tls_cert_file = ${directory}/certificate.pem
smtpd_tls_key_file = ${directory}/certificate-key.pem
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = ${dovecot.authSocket}
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = ${refusals.length === 0 ? "" : `check_recipient_access ${table(refusals)}, `}reject_unlisted_recipient, permit_sasl_authenticated, reject
`,
    );
    // Service, whether others than Postfix's owner may speak to it, how many processes, program.
    const internal = [
      "cleanup n 0 cleanup",
      "flush n 0 flush",
      "bounce - 0 bounce",
      "defer - 0 bounce",
      "trace - 0 bounce",
      "rewrite - - trivial-rewrite",
      "proxymap - - proxymap",
      "lmtp - - lmtp",
      "error - - error",
      "retry - - error",
    ].map((line) => {
      const [service, isPrivate, processes, program] = line.split(" ");
      return `${service} unix ${isPrivate} - n - ${processes} ${program}`;
    });
    writeFileSync(
      join(directory, "conf/master.cf"),
      `127.0.0.1:${this.port} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
127.0.0.1:${this.startTlsPort} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
anvil unix - - n - 1 anvil
${internal.join("\n")}
`,
    );
  }
}

async function greets(port: number): Promise<boolean> {
  const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  // TLS may find more than one fault with what answers there while it starts.
  socket.on("error", () => undefined);
  try {
    await once(socket, "data");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

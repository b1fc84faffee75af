import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Clock } from "../../foundation/clock.ts";
import { Database } from "../../foundation/database.ts";
import { silentLogger } from "../../foundation/logger.ts";
import { encodeBech32 } from "../../maildir/age/bech32.ts";
import { X25519Identity } from "../../maildir/age/x25519.ts";
import { openMaildir } from "../../maildir/open.ts";
import type { Maildir, MaildirMailbox, MaildirOptions } from "../../maildir/store.ts";

/** A clock that moves only when told to; timers run when their time comes. */
export class FakeClock implements Clock {
  time = Date.UTC(2026, 10, 23, 12);
  #timers: { at: number; callback: () => void }[] = [];

  now(): number {
    return this.time;
  }

  after(delay: number, callback: () => void): () => void {
    const timer = { at: this.time + delay, callback };
    this.#timers.push(timer);
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  advance(milliseconds: number): void {
    const end = this.time + milliseconds;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== due);
      this.time = Math.max(this.time, due.at);
      due.callback();
    }
    this.time = end;
  }
}

/** A home in a temporary directory that can be opened again, with or without having been closed. */
export class TestHome {
  readonly path = mkdtempSync(join(tmpdir(), "postern-maildir-"));
  readonly clock = new FakeClock();
  readonly identityText = encodeBech32("age-secret-key-", randomBytes(32));
  readonly identity = new X25519Identity(this.identityText);
  readonly vaultKey = randomBytes(32);
  readonly #dbKey = randomBytes(32);
  readonly #databases: Database[] = [];

  get db(): Database {
    const db = this.#databases.at(-1);
    if (db === undefined) throw new Error("the home was not opened");
    return db;
  }

  openDatabase(): Database {
    const db = new Database(join(this.path, "state.db"), this.#dbKey);
    this.#databases.push(db);
    return db;
  }

  async open(options: Partial<MaildirOptions> = {}): Promise<Maildir> {
    this.openDatabase();
    return await openMaildir({
      db: this.db,
      home: this.path,
      vaultKey: this.vaultKey,
      recoveryRecipient: this.identity.recipient,
      clock: this.clock,
      logger: silentLogger,
      ...options,
    });
  }

  /** Every file below the home. */
  files(): string[] {
    const all = readdirSync(this.path, { recursive: true, encoding: "utf8" }).map((name) => join(this.path, name));
    return all.filter((path) => statSync(path).isFile());
  }

  /** Every file of a message. */
  messageFiles(part = ""): string[] {
    return this.files().filter((path) => /\/mail\/[^/]+\/(tmp|new|cur)\//.test(path) && path.includes(part));
  }

  /** Every octet below the home, names too. */
  octets(): Buffer {
    const files = this.files();
    return Buffer.concat([...files.map((path) => readFileSync(path)), Buffer.from(files.join("\n"))]);
  }

  remove(): void {
    for (const db of this.#databases) db.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Runs a test in a home of its own. */
export function inHome(test: (home: TestHome) => Promise<void>): () => Promise<void> {
  return async () => {
    const home = new TestHome();
    try {
      await test(home);
    } finally {
      home.remove();
    }
  };
}

export async function* pieces(...octets: (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const piece of octets) yield Buffer.from(piece as string, "latin1");
}

export async function collect(content: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of content) all.push(Buffer.from(piece));
  return Buffer.concat(all);
}

export function mail(subject: string, body = "Hello.\r\n", fields = ""): string {
  return `From: ann@example.org\r\nTo: bob@example.org\r\nSubject: ${subject}\r\n${fields}\r\n${body}`;
}

/** Appends one message; its UID. */
export async function append(mailbox: MaildirMailbox, message: string, ...flags: string[]): Promise<number> {
  const [uid = 0] = await mailbox.append([{ content: pieces(message), flags }]);
  return uid;
}

export function box(maildir: Maildir, name: string): MaildirMailbox {
  const mailbox = maildir.mailbox(name);
  if (mailbox === undefined) throw new Error(`no mailbox ${name}`);
  return mailbox;
}

export function flagsOf(mailbox: MaildirMailbox, uid: number): readonly string[] | undefined {
  return [...mailbox.summaries([uid])][0]?.flags;
}

export function read(mailbox: MaildirMailbox, uid: number): Promise<Buffer> {
  return collect(mailbox.read(uid, 0, Number.MAX_SAFE_INTEGER));
}

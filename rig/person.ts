import { readFileSync } from "node:fs";
import { cp, link, mkdir, readdir } from "node:fs/promises";
import { join, relative } from "node:path";
import { ImapFlow } from "imapflow";
import { createTransport, type Transporter } from "nodemailer";
import { type InitOutput, PosternServer, posternJson } from "./postern-process.ts";

/** How long a client may have nothing to say, in milliseconds, while another program is at work. */
const CLIENT_SILENCE = 1_800_000;

/** Somebody with a home, a bridge, and mail programs that trust its certificate. */
export class Person {
  readonly name: string;
  readonly scratch: string;
  readonly home: string;
  readonly account: InitOutput;
  #bridge: PosternServer | undefined;

  private constructor(name: string, scratch: string, home: string, account: InitOutput) {
    this.name = name;
    this.scratch = scratch;
    this.home = home;
    this.account = account;
  }

  /** Makes a home below `scratch` on free ports; without a URL the bridge runs a relay of its own. */
  static async create(name: string, scratch: string, relayUrl?: string): Promise<Person> {
    const home = join(scratch, name);
    const places = ["--imap", "127.0.0.1:0", "--smtp", "127.0.0.1:0"];
    const relay = relayUrl === undefined ? [] : ["--relay", relayUrl];
    const account = await posternJson<InitOutput>(scratch, "init", "--home", home, ...places, ...relay);
    return new Person(name, scratch, home, account);
  }

  /** Somebody with a copy of a home; its bridge takes the same ports as the original's, so that only one may run. */
  static async fromCopy(name: string, scratch: string, original: string, account: InitOutput): Promise<Person> {
    const home = join(scratch, name);
    for (const entry of await readdir(original, { recursive: true, withFileTypes: true })) {
      const from = join(entry.parentPath, entry.name);
      const to = join(home, relative(original, from));
      if (entry.isDirectory()) await mkdir(to, { recursive: true, mode: 0o700 });
      // A message's file is never written to again: ten thousand links are made sooner than copies.
      else if (from.startsWith(join(original, "mail"))) await link(from, to);
      else await cp(from, to);
    }
    return new Person(name, scratch, home, account);
  }

  /** Somebody whose home was made by another command than `init`. */
  static ofHome(name: string, scratch: string, home: string, account: InitOutput): Person {
    return new Person(name, scratch, home, account);
  }

  /** @throws where the bridge does not run */
  get bridge(): PosternServer {
    if (this.#bridge === undefined) throw new Error(`${this.name}'s bridge does not run`);
    return this.#bridge;
  }

  async start(): Promise<PosternServer> {
    this.#bridge = await PosternServer.start(this.scratch, "run", "--home", this.home);
    return this.#bridge;
  }

  async stop(signal?: NodeJS.Signals): Promise<void> {
    await this.#bridge?.stop(signal);
    this.#bridge = undefined;
  }

  async command<T>(...args: string[]): Promise<T> {
    const [name = "", ...rest] = args;
    return await posternJson<T>(this.scratch, name, "--home", this.home, ...rest);
  }

  /** Makes the two contacts of each other, under their names; resolves when both have each other. */
  async befriend(other: Person): Promise<void> {
    const { invite } = await this.command<{ invite: string }>("invite", "--name", other.name);
    await other.command("accept", invite, "--name", this.name);
    for (let tries = 0; tries < 200; tries++) {
      const { contacts } = await this.command<{ contacts: { petname: string }[] }>("contacts");
      if (contacts.some(({ petname }) => petname === other.name)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${other.name} did not become a contact of ${this.name}`);
  }

  get certificateAuthority(): Buffer {
    return readFileSync(this.account.caFile);
  }

  /** A connected IMAP client; the caller logs it out. */
  async imap(): Promise<ImapFlow> {
    const { host, port } = this.bridge.place("imap");
    const client = new ImapFlow({
      host,
      port,
      secure: true,
      auth: { user: this.account.user, pass: this.account.appPassword },
      tls: { ca: this.certificateAuthority },
      logger: false,
      socketTimeout: CLIENT_SILENCE,
    });
    await client.connect();
    return client;
  }

  /** An SMTP client with so many connections at most; the caller closes it. */
  smtp(maxConnections = 1): Transporter {
    const { host, port } = this.bridge.place("smtp");
    return createTransport({
      host,
      port,
      secure: true,
      pool: true,
      maxConnections,
      maxMessages: Number.POSITIVE_INFINITY,
      auth: { user: this.account.user, pass: this.account.appPassword },
      tls: { ca: this.certificateAuthority },
    });
  }
}

import { createConnection, type Socket } from "node:net";
import { type ImapServerOptions, type RunningImapServer, startImapServer } from "../../imap-front/server.ts";
import type { MailStore } from "../../imap-front/store.ts";
import { MemoryStore } from "./memory-store.ts";

const TAIL = 2000;

/** The server's part of the nonce in RFC 7677's example, which makes exchanges repeatable. */
const SCRAM_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";

/** A raw client: what it is told, it sends; what comes, it gives back as it is. */
export class Client {
  readonly #socket: Socket;
  #received = "";
  /** The end of what was received: long answers are not looked through again with each packet. */
  #tail = "";
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const text = chunk.toString("latin1");
      this.#received += text;
      this.#tail = (this.#tail + text).slice(-TAIL);
      this.#wake?.();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#wake?.();
    });
    socket.on("error", () => undefined);
  }

  static async connect(server: RunningImapServer): Promise<Client> {
    const socket = createConnection({ port: server.port, host: server.host, noDelay: true });
    await new Promise((resolve) => socket.once("connect", resolve));
    return new Client(socket);
  }

  send(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** Everything up to and with the first match; the rest stays. Fails if the connection closes before. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#received);
      if (match !== null) {
        const end = match.index + match[0].length;
        const text = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        this.#tail = this.#received.slice(-TAIL);
        return text;
      }
      if (this.#closed) throw new Error(`closed before ${pattern}; received: ${this.#received}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  /** Sends one command with this tag and gives back all lines up to the tagged one, which is the last that comes. */
  async command(tag: string, text: string): Promise<string> {
    this.send(`${tag} ${text}\r\n`);
    return await this.answer(tag);
  }

  async answer(tag: string): Promise<string> {
    const pattern = new RegExp(`(?:^|\\n)${tag} [^\\r]*\\r\\n$`);
    while (!pattern.test(this.#tail)) {
      if (this.#closed) throw new Error(`closed before ${tag}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    const text = this.#received;
    this.#received = "";
    this.#tail = "";
    return text;
  }

  /** Everything that comes until the server closes the connection. */
  async rest(): Promise<string> {
    while (!this.#closed)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    return this.#received;
  }

  /** Greeting and login. */
  async login(): Promise<this> {
    await this.until(/^\* OK [^\r]*\r\n/);
    await this.command("login", "LOGIN ann secret");
    return this;
  }

  /** Stops reading; TCP then makes the server wait. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }
}

const running: RunningImapServer[] = [];

/** A server over a store in memory that takes `ann` with `secret` without TLS. `stopServers` ends it. */
export async function serve(
  store: MailStore = new MemoryStore(),
  options: Partial<Pick<ImapServerOptions, "limits" | "logger" | "authenticator" | "scramNonce">> = {},
): Promise<RunningImapServer> {
  const server = await startImapServer({
    host: "127.0.0.1",
    port: 0,
    plaintextLogin: true,
    scramNonce: () => SCRAM_NONCE,
    authenticator:
      store instanceof MemoryStore
        ? store.authenticator("ann", "secret")
        : { login: async (user, password) => (user === "ann" && password === "secret" ? store : undefined) },
    ...options,
  });
  running.push(server);
  return server;
}

/** Ends one of them, and no other. */
export async function stopServer(server: RunningImapServer): Promise<void> {
  const index = running.indexOf(server);
  if (index >= 0) running.splice(index, 1);
  await server.stop();
}

export async function stopServers(): Promise<void> {
  await Promise.all(running.splice(0).map((server) => server.stop()));
}

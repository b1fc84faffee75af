import { connect, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { systemClock } from "../../foundation/clock.ts";
import { inPieces } from "../../foundation/content.ts";
import type { LogLevel } from "../../foundation/logger.ts";
import { type SmtpServerOptions, startSmtpServer } from "../../smtp-front/server.ts";
import type { Recipient, Submission, SubmissionSink } from "../../smtp-front/submission.ts";
import { TEST_TLS } from "./certificate.ts";

export type Taken = Omit<Submission, "content"> & { content: Buffer };

export class FakeSink implements SubmissionSink {
  sizeLimit = 10_000_000;
  readonly taken: Taken[] = [];
  sender: (address: string) => void = () => undefined;
  recipient: (recipient: Recipient) => void = () => undefined;
  beforeTaking: () => Promise<void> | void = () => undefined;

  async checkSender(address: string): Promise<void> {
    this.sender(address);
  }

  async checkRecipient(recipient: Recipient): Promise<void> {
    this.recipient(recipient);
  }

  async submit({ content, ...submission }: Submission): Promise<{ id: string }> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of inPieces(content)) chunks.push(chunk);
    await this.beforeTaking();
    this.taken.push({ ...submission, content: Buffer.concat(chunks) });
    return { id: `message-${this.taken.length}` };
  }
}

export async function startTestServer(sink: SubmissionSink, overrides: Partial<SmtpServerOptions> = {}) {
  const log: [level: LogLevel, event: string][] = [];
  const server = await startSmtpServer({
    host: "127.0.0.1",
    port: 0,
    tls: TEST_TLS,
    name: "localhost",
    clock: systemClock,
    logger: (level, event) => void log.push([level, event]),
    authenticator: { login: async (user, password) => (user === "ann" && password === "secret" ? sink : undefined) },
    limits: { helloWait: 20, wrongPasswordDelay: 1, wrongPasswordDelayMost: 4 },
    ...overrides,
  });
  return { ...server, log };
}

/** Speaks SMTP by hand. */
export class Talk {
  socket: Socket | TLSSocket;
  #buffer = "";
  #waiting: (() => void) | undefined;
  closed = false;

  constructor(socket: Socket | TLSSocket) {
    this.socket = socket;
    this.#listen();
  }

  static plain(port: number): Talk {
    return new Talk(connect(port, "127.0.0.1"));
  }

  static tls(port: number): Talk {
    return new Talk(connectTls({ port, host: "127.0.0.1", rejectUnauthorized: false }));
  }

  /** Greeted, under TLS, logged in. */
  static async ready(port: number): Promise<Talk> {
    const talk = Talk.tls(port);
    await talk.reply();
    await talk.ask("EHLO me");
    await talk.ask(`AUTH PLAIN ${plain("ann", "secret")}`);
    return talk;
  }

  /** The next whole reply; empty once the connection is closed. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-.*\r\n)*\d{3} .*\r\n/.exec(this.#buffer);
      if (match !== null) {
        this.#buffer = this.#buffer.slice(match[0].length);
        return match[0].trimEnd();
      }
      if (this.closed) return "";
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  ask(line: string): Promise<string> {
    this.socket.write(`${line}\r\n`);
    return this.reply();
  }

  async upgrade(): Promise<void> {
    this.socket.removeAllListeners();
    this.socket = connectTls({ socket: this.socket, rejectUnauthorized: false });
    this.#listen();
    await new Promise((resolve) => this.socket.once("secureConnect", resolve));
  }

  async untilClosed(): Promise<void> {
    while (!this.closed) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
  }

  end(): void {
    this.socket.destroy();
  }

  #listen(): void {
    const wake = () => this.#waiting?.();
    this.socket.on("data", (chunk: Buffer) => {
      this.#buffer += chunk.toString("latin1");
      wake();
    });
    this.socket.on("error", () => undefined);
    this.socket.on("close", () => {
      this.closed = true;
      wake();
    });
  }
}

export function plain(user: string, password: string): string {
  return Buffer.from(`\0${user}\0${password}`).toString("base64");
}

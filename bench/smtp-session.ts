/** A submission client that costs little itself and knows the moment at which DATA ended. */
import { once } from "node:events";
import { createInterface } from "node:readline";
import { connect, type TLSSocket } from "node:tls";
import type { Person } from "../rig/person.ts";

export interface Submitted {
  /** `performance.now()` when the final dot was written. */
  readonly dataEnded: number;
  /** And when the 250 for it came. */
  readonly acknowledged: number;
}

export class SmtpSession {
  readonly #socket: TLSSocket;
  readonly #replies: AsyncIterator<string>;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#replies = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  /** Connects with TLS and logs in. */
  static async open(person: Person): Promise<SmtpSession> {
    const { host, port } = person.bridge.place("smtp");
    const socket = connect({ host, port, ca: person.certificateAuthority });
    socket.setNoDelay(true);
    await once(socket, "secureConnect");
    const session = new SmtpSession(socket);
    await session.#expect("220");
    await session.#command("EHLO bench", "250");
    const { user, appPassword } = person.account;
    await session.#command(`AUTH PLAIN ${Buffer.from(`\0${user}\0${appPassword}`).toString("base64")}`, "235");
    return session;
  }

  /** Submits a raw message with CRLF line ends and no line that begins with a dot; commands are pipelined (RFC 2920). */
  async send(envelope: { from: string; to: string }, raw: Buffer): Promise<Submitted> {
    this.#socket.write(`MAIL FROM:<${envelope.from}>\r\nRCPT TO:<${envelope.to}>\r\nDATA\r\n`);
    await this.#expect("250");
    await this.#expect("250");
    await this.#expect("354");
    this.#socket.write(raw);
    this.#socket.write(".\r\n");
    const dataEnded = performance.now();
    await this.#expect("250");
    return { dataEnded, acknowledged: performance.now() };
  }

  async close(): Promise<void> {
    this.#socket.end("QUIT\r\n");
    await once(this.#socket, "close");
  }

  async #command(line: string, code: string): Promise<void> {
    this.#socket.write(`${line}\r\n`);
    await this.#expect(code);
  }

  async #expect(code: string): Promise<void> {
    for (;;) {
      const { value, done } = await this.#replies.next();
      if (done === true || value.slice(0, 3) !== code) throw new Error(`${code} was expected, not: ${value}`);
      if (value[3] === " ") return;
    }
  }
}

/** A submission client that costs little itself and knows the moment at which DATA ended. */
import { once } from "node:events";
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
  /** What came and was not read yet. */
  #received = "";
  #wake: (() => void) | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString("latin1");
      this.#wake?.();
    });
    socket.on("close", () => this.#wake?.());
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
    await this.#expect("250", "250", "354");
    this.#socket.cork();
    this.#socket.write(raw);
    this.#socket.write(".\r\n");
    this.#socket.uncork();
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

  /** Replies of these codes, one after the other. */
  async #expect(...codes: string[]): Promise<void> {
    for (let at = 0; at < codes.length; ) {
      const end = this.#received.indexOf("\r\n");
      if (end < 0) {
        if (this.#socket.destroyed) throw new Error(`the connection ended before ${codes[at]}`);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      const line = this.#received.slice(0, end);
      this.#received = this.#received.slice(end + 2);
      if (!line.startsWith(codes[at] ?? "")) throw new Error(`${codes[at]} was expected, not: ${line}`);
      if (line[3] === " ") at++;
    }
  }
}

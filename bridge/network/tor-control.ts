import { createHmac, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { equalConstantTime } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { formatHostPort, type HostPort } from "../host-port.ts";

/** Octets of one reply, and milliseconds that one may take: PROTOCOLINFO is the longest, and Tor answers at once. */
const REPLY_MAX = 65_536;
const REPLY_TIMEOUT = 15_000;
const COOKIE_SIZE = 32;

/** A connection to Tor's control port (control-spec), authenticated. What was set up on it ends with it. */
export class TorControl {
  /** Resolves when the connection is over. */
  readonly closed: Promise<void>;
  readonly #socket: Socket;
  #received = "";
  #lines: string[] = [];
  #settle: ((lines: readonly string[]) => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setEncoding("latin1");
    socket.on("error", () => socket.destroy());
    socket.on("data", (text: string) => this.#receive(text));
  }

  /** @throws Failure unavailable (nobody there), forbidden (it does not let us in) */
  static async open(place: HostPort): Promise<TorControl> {
    const socket = connect({ host: place.host, port: place.port });
    try {
      await once(socket, "connect", { signal: AbortSignal.timeout(REPLY_TIMEOUT) });
    } catch (cause) {
      socket.destroy();
      throw new Failure(
        "unavailable",
        `Tor's control port ${formatHostPort(place)} does not answer: is Tor running, with ControlPort in its torrc?`,
        { cause },
      );
    }
    const control = new TorControl(socket);
    try {
      await control.#authenticate();
      return control;
    } catch (error) {
      control.close();
      throw error;
    }
  }

  /**
   * One command at a time; the lines of its reply without their codes.
   * @throws Failure forbidden, with what Tor said; unavailable, where it said nothing
   */
  async request(command: string): Promise<readonly string[]> {
    const answered = new Promise<readonly string[] | undefined>((resolve) => {
      this.#settle = resolve;
      void this.closed.then(() => resolve(undefined));
    });
    const timer = setTimeout(() => this.close(), REPLY_TIMEOUT);
    this.#socket.write(`${command}\r\n`);
    const lines = await answered;
    clearTimeout(timer);
    if (lines === undefined) throw new Failure("unavailable", "Tor's control port hung up or did not answer");
    const refused = lines.find((line) => !line.startsWith("250"));
    if (refused !== undefined) throw new Failure("forbidden", `Tor refused: ${refused.slice(4)}`);
    return lines.map((line) => line.slice(4));
  }

  close(): void {
    this.#socket.destroy();
  }

  #receive(text: string): void {
    this.#received += text;
    if (this.#received.length > REPLY_MAX) return this.close();
    const lines = this.#received.split("\r\n");
    this.#received = lines.pop() ?? "";
    for (const line of lines) {
      this.#lines.push(line);
      if (this.#lines.length > REPLY_MAX / 8) return this.close();
      if (!/^\d{3} /.test(line)) continue;
      const reply = this.#lines;
      this.#lines = [];
      this.#settle?.(reply);
    }
  }

  /** By no secret or by the cookie, which never leaves this process: Tor proves first that it knows it (SAFECOOKIE). */
  async #authenticate(): Promise<void> {
    const auth = (await this.request("PROTOCOLINFO 1")).find((line) => line.startsWith("AUTH "));
    const methods = /METHODS=(\S+)/.exec(auth ?? "")?.[1]?.split(",") ?? [];
    if (methods.includes("NULL")) return void (await this.request("AUTHENTICATE"));
    const file = /COOKIEFILE="((?:[^"\\]|\\.)*)"/.exec(auth ?? "")?.[1]?.replaceAll(/\\(.)/g, "$1");
    if (!methods.includes("SAFECOOKIE") || file === undefined)
      throw new Failure("forbidden", "Tor's control port asks for a password: set CookieAuthentication 1 in torrc");
    await this.#authenticateByCookie(await readCookie(file));
  }

  async #authenticateByCookie(cookie: Buffer): Promise<void> {
    const clientNonce = randomBytes(32);
    const [challenge = ""] = await this.request(`AUTHCHALLENGE SAFECOOKIE ${clientNonce.toString("hex")}`);
    const hash = Buffer.from(/SERVERHASH=([0-9A-F]{64})/i.exec(challenge)?.[1] ?? "", "hex");
    const serverNonce = Buffer.from(/SERVERNONCE=([0-9A-F]{64})/i.exec(challenge)?.[1] ?? "", "hex");
    const proof = (direction: string) =>
      createHmac("sha256", `Tor safe cookie authentication ${direction} hash`)
        .update(Buffer.concat([cookie, clientNonce, serverNonce]))
        .digest();
    if (!equalConstantTime(hash, proof("server-to-controller")))
      throw new Failure("forbidden", "what listens at Tor's control port does not know Tor's cookie: it is not Tor");
    await this.request(`AUTHENTICATE ${proof("controller-to-server").toString("hex")}`);
  }
}

async function readCookie(file: string): Promise<Buffer> {
  let cookie: Buffer;
  try {
    cookie = await readFile(file);
  } catch (cause) {
    throw new Failure("forbidden", `${file} cannot be read: add this user to Tor's group (debian-tor on Debian)`, {
      cause,
    });
  }
  if (cookie.length !== COOKIE_SIZE) throw new Failure("forbidden", `${file} is not Tor's cookie`);
  return cookie;
}

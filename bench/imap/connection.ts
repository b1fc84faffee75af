/**
 * An IMAP client that costs little itself: it counts responses and octets and makes no objects of them. One command at
 * a time; whoever calls it checks the counts.
 */
import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import type { CorpusLetter } from "./corpus/corpus.ts";
import { ResponseScanner } from "./response-scanner.ts";

export interface ImapAccess {
  readonly host: string;
  readonly port: number;
  readonly certificate: Buffer;
  readonly user: string;
  readonly password: string;
}

/** What a server said to one command that it completed with OK. */
export interface Answer {
  /** From OK to the end of the line. */
  readonly text: string;
  /** Untagged responses that do not begin with a number, without `* `; a literal is left out. */
  readonly lines: readonly string[];
  readonly fetches: number;
  readonly expunges: number;
  readonly literalOctets: number;
  /** From the first octet of the command to the last of its completion. */
  readonly milliseconds: number;
  /** `performance.now()` when the completion came. */
  readonly ended: number;
}

export interface CommandOptions {
  /** Is given each piece of each literal, valid only during the call. */
  readonly onLiteral?: (piece: Buffer) => void;
}

interface Pending {
  readonly tag: string;
  readonly started: number;
  readonly options: CommandOptions;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
  readonly lines: string[];
  fetches: number;
  expunges: number;
  literalOctets: number;
}

/** Milliseconds without an octet after which the server is given up. */
const PATIENCE = 15 * 60_000;

export class ImapConnection {
  capabilities: ReadonlySet<string> = new Set();
  /** Of the last EXISTS. */
  exists = 0;
  /** Is called at each EXISTS with `performance.now()`. */
  onExists: ((at: number) => void) | undefined;
  readonly #socket: TLSSocket;
  readonly #scanner: ResponseScanner;
  #tags = 0;
  #pending: Pending | undefined;
  #continuation: ((error?: Error) => void) | undefined;
  #greeted: ((error?: Error) => void) | undefined;
  #failure: Error | undefined;

  private constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.#scanner = new ResponseScanner({
      numbered: (number, kind) => this.#numbered(number, kind),
      untagged: (line) => this.#untagged(line),
      literal: (piece) => this.#literal(piece),
      continuation: () => this.#continue(),
      tagged: (line) => this.#complete(line),
    });
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#scanner.push(chunk));
    socket.on("error", (error) => this.#fail(error));
    socket.setTimeout(PATIENCE, () => this.#fail(new Error(`nothing came or went for ${PATIENCE / 60_000} minutes`)));
    socket.on("close", () => this.#fail(new Error("the server closed the connection")));
  }

  /** Connects and waits for the greeting. */
  static async greet(access: Pick<ImapAccess, "host" | "port" | "certificate">): Promise<ImapConnection> {
    const socket = connect({ host: access.host, port: access.port, ca: access.certificate });
    const connection = new ImapConnection(socket);
    await new Promise<void>((resolve, reject) => {
      connection.#greeted = (error) => (error === undefined ? resolve() : reject(error));
    });
    return connection;
  }

  /** Connects and logs in. */
  static async open(access: ImapAccess): Promise<ImapConnection> {
    const connection = await ImapConnection.greet(access);
    await connection.command(`LOGIN "${access.user}" "${access.password}"`);
    const { lines } = await connection.command("CAPABILITY");
    connection.capabilities = new Set(lines.join(" ").split(" "));
    return connection;
  }

  /** Sends one command without its tag. @throws with the server's words where it is not completed with OK */
  command(line: string, options: CommandOptions = {}): Promise<Answer> {
    const { tag, answer } = this.#begin(options);
    this.#socket.write(`${tag} ${line}\r\n`);
    return answer;
  }

  /** One APPEND of one letter or more (RFC 3502), without waiting for the server in between (RFC 7888). */
  async append(mailbox: string, letters: readonly CorpusLetter[]): Promise<Answer> {
    const { tag, answer } = this.#begin({});
    answer.catch(() => undefined);
    this.#socket.write(`${tag} APPEND ${mailbox}`);
    for (const { flags, received, content } of letters) {
      this.#socket.write(` (${flags.join(" ")}) "${formatInternalDate(received)}" {${content.length}+}\r\n`);
      if (!this.#socket.write(content)) await Promise.race([once(this.#socket, "drain"), answer]);
    }
    this.#socket.write("\r\n");
    return await answer;
  }

  /** Begins IDLE; resolves, once the server takes part, with what ends it. */
  async idle(): Promise<() => Promise<Answer>> {
    const { tag, answer } = this.#begin({});
    answer.catch(() => undefined);
    await new Promise<void>((resolve, reject) => {
      this.#continuation = (error) => (error === undefined ? resolve() : reject(error));
      this.#socket.write(`${tag} IDLE\r\n`);
    });
    return () => {
      this.#socket.write("DONE\r\n");
      return answer;
    };
  }

  async close(): Promise<void> {
    if (this.#failure === undefined) await this.command("LOGOUT").catch(() => undefined);
    this.#socket.destroy();
  }

  #begin(options: CommandOptions): { tag: string; answer: Promise<Answer> } {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#pending !== undefined) throw new Error("one command at a time");
    const tag = `b${++this.#tags}`;
    const answer = new Promise<Answer>((resolve, reject) => {
      const counts = { lines: [], fetches: 0, expunges: 0, literalOctets: 0 };
      this.#pending = { tag, started: performance.now(), options, resolve, reject, ...counts };
    });
    return { tag, answer };
  }

  #numbered(number: number, kind: string): void {
    if (kind === "FETCH" && this.#pending !== undefined) this.#pending.fetches++;
    else if (kind === "EXPUNGE" && this.#pending !== undefined) this.#pending.expunges++;
    else if (kind === "EXISTS") {
      this.exists = number;
      this.onExists?.(performance.now());
    }
  }

  #untagged(line: string): void {
    if (this.#greeted !== undefined) {
      this.#greeted();
      this.#greeted = undefined;
    } else this.#pending?.lines.push(line);
  }

  #literal(piece: Buffer): void {
    if (this.#pending === undefined) return;
    this.#pending.literalOctets += piece.length;
    this.#pending.options.onLiteral?.(piece);
  }

  #continue(): void {
    const proceed = this.#continuation;
    this.#continuation = undefined;
    proceed?.();
  }

  #complete(line: string): void {
    const pending = this.#pending;
    if (pending === undefined || !line.startsWith(`${pending.tag} `))
      return this.#fail(new Error(`an answer that nobody waits for: ${line}`));
    this.#pending = undefined;
    const text = line.slice(pending.tag.length + 1);
    const ended = performance.now();
    if (!text.startsWith("OK")) {
      const error = new Error(`the server said ${text}`);
      this.#continuation?.(error);
      this.#continuation = undefined;
      return pending.reject(error);
    }
    const { lines, fetches, expunges, literalOctets, started } = pending;
    pending.resolve({ text, lines, fetches, expunges, literalOctets, milliseconds: ended - started, ended });
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#pending?.reject(error);
    this.#pending = undefined;
    this.#continuation?.(error);
    this.#continuation = undefined;
    this.#greeted?.(error);
    this.#greeted = undefined;
    this.#socket.destroy();
  }
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** A date-time of RFC 9051 section 9, in UTC. */
function formatInternalDate(date: number): string {
  const day = new Date(date);
  const time = day.toISOString().slice(11, 19);
  return `${formatDay(date)} ${time} +0000`;
}

/** A date of RFC 9051 section 9, as SEARCH takes it, with two digits for the day. */
export function formatDay(date: number): string {
  const day = new Date(date);
  return `${String(day.getUTCDate()).padStart(2, "0")}-${MONTHS[day.getUTCMonth()]}-${day.getUTCFullYear()}`;
}

import { once } from "node:events";
import type { Writable } from "node:stream";
import type { ImapFlow } from "imapflow";
import { Failure } from "../../foundation/failure.ts";
import { LETTER_PATIENCE, MAX_REPLY } from "../limits.ts";
import { shown } from "./words.ts";

export interface AppendedLetter {
  /** Exactly so many octets of it. */
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
  /** Milliseconds since 1970. */
  readonly date: number;
}

/** The provider has it, or says why not. */
export type Appended = { readonly kind: "filed" } | { readonly kind: "refused"; readonly words: string };

/**
 * APPEND piece by piece (RFC 9051 section 6.3.12): imapflow wants a letter in memory whole, so its connection, once logged
 * in, is taken over. Nothing else can be done with that client any more, and it must not compress; `close` ends it.
 */
export class LetterAppender {
  readonly #socket: Writable;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #folder: string;
  #received = Buffer.alloc(0);
  #commands = 0;

  /** `folder` as the provider lists it. */
  constructor(client: ImapFlow, folder: string) {
    const { readSocket, writeSocket } = client.unbind();
    this.#socket = writeSocket;
    // What is wrong is seen by who reads.
    for (const socket of [readSocket, writeSocket]) socket.on("error", () => undefined);
    this.#chunks = readSocket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    this.#folder = `"${folder.replace(/["\\]/g, "\\$&")}"`;
  }

  /** As read, at its date. @throws Failure unavailable */
  async append({ size, content, date }: AppendedLetter): Promise<Appended> {
    const tag = `p${++this.#commands}`;
    const timer = setTimeout(() => this.close(), LETTER_PATIENCE);
    try {
      await this.#write(`${tag} APPEND ${this.#folder} (\\Seen) "${formatInternalDate(date)}" {${size}}\r\n`);
      const early = await this.#answer(tag);
      if (early !== "go on") return early;
      for await (const piece of content) await this.#write(piece);
      await this.#write("\r\n");
      const late = await this.#answer(tag);
      if (late === "go on") throw new Failure("unavailable", "the provider asks for a letter that it has got already");
      return late;
    } finally {
      clearTimeout(timer);
    }
  }

  close(): void {
    this.#socket.destroy();
  }

  async #write(data: string | Uint8Array): Promise<void> {
    if (this.#socket.destroyed) throw gone();
    if (this.#socket.write(data)) return;
    const closed = new AbortController();
    const stop = (): void => closed.abort();
    this.#socket.once("close", stop);
    try {
      await once(this.#socket, "drain", { signal: closed.signal });
    } catch (cause) {
      throw gone(cause);
    } finally {
      this.#socket.off("close", stop);
    }
  }

  /** The continuation, or the command's result; what the provider tells meanwhile is passed over. */
  async #answer(tag: string): Promise<"go on" | Appended> {
    for (;;) {
      const line = await this.#line();
      if (line.startsWith("+")) return "go on";
      if (!line.startsWith(`${tag} `)) continue;
      const result = line.slice(tag.length + 1);
      return /^OK\b/i.test(result) ? { kind: "filed" } : { kind: "refused", words: shown(result) };
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#received.indexOf("\n");
      if (end >= 0) {
        const line = this.#received.toString("utf8", 0, end).trimEnd();
        this.#received = this.#received.subarray(end + 1);
        return line;
      }
      if (this.#received.length > MAX_REPLY) throw new Failure("unavailable", "the provider sends a line without end");
      const next = await this.#chunks.next().catch((cause: unknown) => {
        throw gone(cause);
      });
      if (next.done === true) throw gone();
      this.#received = Buffer.concat([this.#received, next.value]);
    }
  }
}

function gone(cause?: unknown): Failure {
  return new Failure("unavailable", "the provider ended the connection", { cause });
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** RFC 9051's date-time, in UTC. */
function formatInternalDate(time: number): string {
  const date = new Date(time);
  const day = String(date.getUTCDate()).padStart(2, " ");
  return `${day}-${MONTHS[date.getUTCMonth()]}-${date.getUTCFullYear()} ${date.toISOString().slice(11, 19)} +0000`;
}

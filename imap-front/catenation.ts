import { Failure } from "../foundation/failure.ts";
import { parseMessageUrl } from "./message-url.ts";
import { CommandFailure } from "./reply.ts";
import { readSection, type SectionOctets } from "./section-octets.ts";
import type { Session } from "./session.ts";
import type { LoggedIn } from "./state.ts";
import { type Scanner, SyntaxFailure } from "./wire/scanner.ts";

/** Octets of a URL that comes as a literal; longer than any that names a mailbox. */
const URL_OCTETS = 8192;

/**
 * A message that is put together from literals and from pieces of messages that are here already (RFC 4469), one after
 * another as the store takes it in: nothing is held whole.
 */
export class Catenation {
  readonly #session: Session;
  readonly #state: LoggedIn;
  readonly #limit: number;
  #args: Scanner;
  #size = 0;
  #finished = false;

  /** `args` stands behind `CATENATE (`; `limit` is what the message may have in octets. */
  constructor(session: Session, state: LoggedIn, args: Scanner, limit: number) {
    this.#session = session;
    this.#state = state;
    this.#args = args;
    this.#limit = limit;
  }

  /** What follows the closing parenthesis, once the octets were taken. */
  get rest(): Scanner {
    if (!this.#finished) throw new Error("the message was not taken whole");
    return this.#args;
  }

  /** `cat-part *(SP cat-part) ")"`: the message's octets. @throws CommandFailure BADURL, TOOBIG; SyntaxFailure */
  async *octets(): AsyncGenerator<Uint8Array, void> {
    const { limits } = this.#session;
    for (let parts = 1; ; parts++) {
      if (parts > limits.catenatedParts)
        throw new CommandFailure(
          "NO",
          "LIMIT",
          `a message is put together from ${limits.catenatedParts} parts at most`,
        );
      if (this.#args.take("URL ")) yield* this.#named();
      else if (this.#args.take("TEXT ")) yield* this.#literal(false);
      else if (this.#args.take("UTF8 (")) yield* this.#literal(true);
      else throw new SyntaxFailure("expected TEXT with a literal, or URL");
      if (this.#args.take(")")) break;
      this.#args.space();
    }
    if (this.#size === 0) throw new CommandFailure("NO", undefined, "an empty message: nothing was stored");
    this.#finished = true;
  }

  /** `TEXT SP literal`, or `UTF8 SP "(" literal8 ")"` (RFC 6855 section 4). */
  async *#literal(parenthesis: boolean): AsyncGenerator<Uint8Array, void> {
    const { reader } = this.#session;
    const size = reader.messageSize;
    if (!this.#args.atEnd || size === undefined) throw new SyntaxFailure("expected a literal");
    this.#grow(size);
    yield* reader.message();
    this.#args = await reader.nextLine();
    if (parenthesis) this.#args.expect(")");
  }

  /** `URL SP astring`: as FETCH BODY.PEEK would give it. */
  async *#named(): AsyncGenerator<Uint8Array, void> {
    const url = await this.#url();
    const octets = await this.#find(url);
    this.#grow(octets.size);
    try {
      yield* octets.pieces;
    } catch (error) {
      throw badUrl(url, error);
    }
  }

  async #url(): Promise<string> {
    const { reader } = this.#session;
    if (!this.#args.atEnd) return this.#args.astring();
    const size = reader.messageSize;
    if (size === undefined) throw new SyntaxFailure("expected a URL");
    if (size > URL_OCTETS) throw new CommandFailure("NO", "TOOBIG", "the URL is too long");
    const pieces: Uint8Array[] = [];
    for await (const piece of reader.message()) pieces.push(piece);
    this.#args = await reader.nextLine();
    return Buffer.concat(pieces).toString("latin1");
  }

  async #find(url: string): Promise<{ size: number; pieces: AsyncIterable<Uint8Array> | Iterable<Uint8Array> }> {
    const state = this.#state;
    const { limits, options } = this.#session;
    const selected = state.kind === "selected" ? state.view.mailbox.name : undefined;
    const named = parseMessageUrl(url, selected, limits);
    if (named === undefined) throw badUrl(url, undefined, "the URL names no message of this server");
    const mailbox = state.store.mailbox(named.mailbox);
    if (mailbox === undefined) throw badUrl(url, undefined, "the URL names a mailbox that is not there");
    if (named.uidValidity !== undefined && named.uidValidity !== mailbox.uidValidity)
      throw badUrl(url, undefined, "the URL's UIDVALIDITY is no longer that of the mailbox");
    const [message] = mailbox.summaries([named.uid]);
    if (message === undefined) throw badUrl(url, undefined, "the URL names a message that is not there");
    if (options.damaged.has(mailbox, named.uid)) throw badUrl(url, undefined, "the message cannot be read");
    const { section, partial } = named;
    const item = { kind: "section", label: "", section, peek: true, ...(partial && { partial }) } as const;
    let octets: SectionOctets;
    try {
      octets = await readSection(mailbox, message, item, limits.bufferedSection);
    } catch (error) {
      throw badUrl(url, error);
    }
    switch (octets.kind) {
      case "text":
        return { size: octets.text.length, pieces: [Buffer.from(octets.text, "latin1")] };
      case "bytes":
        return { size: octets.bytes.length, pieces: [octets.bytes] };
      case "stream":
        return octets;
      default:
        throw badUrl(url, undefined, "the URL names a part that the message does not have");
    }
  }

  #grow(octets: number): void {
    this.#size += octets;
    if (this.#size > this.#limit)
      throw new CommandFailure("NO", "TOOBIG", `a message has ${this.#limit} octets at most`);
  }
}

/** `BADURL SP url-resp-text`; other than an expected failure comes back as it is. */
function badUrl(url: string, error: unknown, reason = ""): unknown {
  if (error !== undefined && !(error instanceof Failure)) return error;
  const text = url.replace(
    /[^\x20-\x5c\x5e-\x7e]/g,
    (octet) => `%${octet.charCodeAt(0).toString(16).padStart(2, "0")}`,
  );
  return new CommandFailure(
    "NO",
    `BADURL ${text.slice(0, URL_OCTETS) || '""'}`,
    error === undefined ? reason : error.message,
  );
}

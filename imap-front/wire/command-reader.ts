import { CommandFailure } from "../reply.ts";
import { ConnectionClosed, type Input } from "./input.ts";
import type { Output } from "./output.ts";
import { LITERAL_AT_END, type LiteralPiece, Scanner, SyntaxFailure } from "./scanner.ts";

/** A literal whose octets were announced and not yet read. */
interface OpenLiteral {
  readonly size: number;
  readonly synchronising: boolean;
  remaining: number;
  started: boolean;
}

export interface ReadCommand {
  readonly tag: string;
  /** Upper case; `UID FETCH` and its like are one name. */
  readonly name: string;
  readonly args: Scanner;
}

/** The bounds that hold in the session's present state. */
export interface ReaderBounds {
  readonly line: number;
  readonly literals: number;
  readonly literalOctets: number;
  readonly nesting: number;
  readonly discard: number;
  /** Octets of an annotation. */
  readonly annotation: number;
  /** Mailbox names come in UTF-8. */
  readonly utf8Names: boolean;
}

/** Something was wrong with a command before it could be carried out; the tag is `*` where none was readable. */
export class UnreadableCommand extends Error {
  override name = "UnreadableCommand";
  readonly tag: string;
  readonly reason: CommandFailure | SyntaxFailure;

  constructor(tag: string, reason: CommandFailure | SyntaxFailure) {
    super(reason.message);
    this.tag = tag;
    this.reason = reason;
  }
}

const TAG = /^([!#$&',-Z[\]^-z|}~]+) +/;
const NAME = /^[A-Za-z0-9-]+/;

/** Commands whose messages are left to be streamed, with what stands before a literal that is the mailbox's name. */
const STREAMED: ReadonlyMap<string, RegExp> = new Map([
  ["APPEND", /^ *\{\d+\+?\}$/],
  ["REPLACE", /^ *[\d*]+ +\{\d+\+?\}$/],
  ["UID REPLACE", /^ *[\d*]+ +\{\d+\+?\}$/],
]);

/**
 * Reads whole commands: lines with the literals in them. The messages of APPEND and REPLACE are not read: `args` ends before
 * the literal, the command takes it with `message` and reads on with `nextLine`.
 */
export class CommandReader {
  readonly #input: Input;
  readonly #output: Output;
  #open: OpenLiteral | undefined;
  #bounds: ReaderBounds;

  constructor(input: Input, output: Output, bounds: ReaderBounds) {
    this.#input = input;
    this.#output = output;
    this.#bounds = bounds;
  }

  setBounds(bounds: ReaderBounds): void {
    this.#bounds = bounds;
  }

  /** Parses the first line of a command, and reads the literals that belong to it. @throws UnreadableCommand, ConnectionClosed */
  async command(line: string): Promise<ReadCommand> {
    const tagged = TAG.exec(line);
    const tag = tagged?.[1] ?? "*";
    const rest = line.slice(tagged?.[0].length ?? 0);
    let name = NAME.exec(rest)?.[0].toUpperCase() ?? "";
    let skip = name.length;
    if (name === "UID") {
      const second = NAME.exec(rest.slice(4))?.[0] ?? "";
      name = `UID ${second.toUpperCase()}`;
      skip = 4 + second.length;
    }
    try {
      const args = await this.#arguments(rest.slice(skip), STREAMED.get(name) ?? "no");
      if (tagged === null || name === "") throw new SyntaxFailure("expected a tag and a command");
      return { tag, name, args };
    } catch (error) {
      // RFC 5464 section 4.3: whoever sets annotations is told their bound.
      if (error instanceof CommandFailure && name === "SETMETADATA") {
        const code = `METADATA MAXSIZE ${this.#bounds.annotation}`;
        throw new UnreadableCommand(tag, new CommandFailure(error.status, code, error.message, { cause: error }));
      }
      if (error instanceof CommandFailure || error instanceof SyntaxFailure) throw new UnreadableCommand(tag, error);
      throw error;
    }
  }

  /** Octets of the message literal that comes next; undefined if the line ended without one. */
  get messageSize(): number | undefined {
    return this.#open?.size;
  }

  /** The announced message, in pieces. Tells the client to go on, where it waits for that. */
  async *message(): AsyncGenerator<Buffer, void> {
    const literal = this.#open;
    if (literal === undefined) throw new Error("no literal is announced");
    await this.#start(literal);
    for await (const piece of this.#input.octets(literal.remaining)) {
      literal.remaining -= piece.length;
      yield piece;
    }
  }

  /** Drops what is left of the announced message, and reads the line after it. */
  async nextLine(): Promise<Scanner> {
    if (this.#open !== undefined) {
      await this.#start(this.#open);
      await this.#drop(this.#open);
      this.#open = undefined;
    }
    return await this.#arguments(await this.#line(), "yes");
  }

  /** Reads and drops what is left of the command, so that the next line is a new one. A client that waits to send a literal will not send it. */
  async finish(): Promise<void> {
    while (this.#open !== undefined) {
      const literal = this.#open;
      this.#open = undefined;
      if (literal.synchronising && !literal.started) return;
      await this.#drop(literal);
      this.#announce(await this.#line());
    }
  }

  /** `streamed`: whether literals are left for `message`, but for a first one where the line is such. */
  async #arguments(first: string, streamed: "no" | "yes" | RegExp): Promise<Scanner> {
    const pieces: LiteralPiece[] = [];
    let octets = 0;
    let line = first;
    const isName = () => streamed instanceof RegExp && pieces.length === 0 && streamed.test(first);
    for (;;) {
      const literal = this.#announce(line);
      if (literal === undefined) break;
      if (streamed !== "no" && !isName()) {
        const cut = (text: string) => text.replace(LITERAL_AT_END, "");
        const last = pieces.at(-1);
        if (last === undefined) return this.#scanner(cut(first), []);
        return this.#scanner(first, [...pieces.slice(0, -1), { ...last, text: cut(last.text) }]);
      }
      octets += literal.size;
      if (octets > this.#bounds.literalOctets || pieces.length >= this.#bounds.literals)
        throw new CommandFailure("NO", "TOOBIG", "the command is too long");
      await this.#start(literal);
      const parts: Buffer[] = [];
      for await (const part of this.#input.octets(literal.size)) parts.push(part);
      this.#open = undefined;
      line = await this.#line();
      pieces.push({ literal: Buffer.concat(parts).toString("latin1"), text: line });
    }
    return this.#scanner(first, pieces);
  }

  #scanner(text: string, pieces: readonly LiteralPiece[]): Scanner {
    return new Scanner(text, pieces, this.#bounds.nesting, this.#bounds.utf8Names);
  }

  #announce(line: string): OpenLiteral | undefined {
    const match = LITERAL_AT_END.exec(line);
    this.#open =
      match === null
        ? undefined
        : {
            size: Number(match[2]),
            synchronising: match[3] !== "+",
            remaining: Number(match[2]),
            started: false,
          };
    return this.#open;
  }

  async #start(literal: OpenLiteral): Promise<void> {
    if (literal.started) return;
    literal.started = true;
    if (!literal.synchronising) return;
    this.#output.write("+ OK\r\n");
    await this.#output.flush();
  }

  async #drop(literal: OpenLiteral): Promise<void> {
    if (literal.remaining > this.#bounds.discard) throw new ConnectionClosed("a refused literal is too long to drop");
    for await (const piece of this.#input.octets(literal.remaining)) literal.remaining -= piece.length;
  }

  async #line(): Promise<string> {
    const line = await this.#input.line(this.#bounds.line);
    if (line === undefined) throw new ConnectionClosed("the connection ended inside a command");
    return line;
  }
}

import { Failure } from "../../foundation/failure.ts";
import { Catenation } from "../catenation.ts";
import type { Handler } from "../dispatch.ts";
import { parseFlags } from "../flags.ts";
import { formatListed } from "../list/list-response.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import { CommandFailure } from "../reply.ts";
import type { Session } from "../session.ts";
import type { LoggedIn } from "../state.ts";
import type { AppendRequest } from "../store.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { formatSet } from "../wire/sequence-set.ts";

/** RFC 9051 section 6.3.12, with several messages (RFC 3502): all or none; literal8 and UTF8 (RFCs 3516, 6855) change nothing; CATENATE (RFC 4469). Messages go to the store as they come. */
export const append: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const { name, given } = args.mailboxAsGiven();
  args.space();
  const limit = state.store.appendLimit;
  const first = parseMessage(session, args, limit);
  const mailbox = existingMailbox(state.store, name, "TRYCREATE");
  const messages = readMessages(session, state, first, limit);
  const uids = await appendTo(mailbox.append(messages, session.origin));
  if (session.rev2 && given !== name)
    session.output.write(formatListed(state.store, mailbox, given, session.utf8Names));
  return `[APPENDUID ${mailbox.uidValidity} ${formatSet(uids)}] APPEND completed`;
};

/** A mailbox that vanished meanwhile is to be created again. */
export async function appendTo(result: Promise<readonly number[]>): Promise<readonly number[]> {
  try {
    return await result;
  } catch (error) {
    if (error instanceof Failure && error.code === "nonexistent")
      throw new CommandFailure("NO", "TRYCREATE", error.message);
    throw error;
  }
}

export type Announced = Omit<AppendRequest, "content"> & {
  /** A literal, one that `UTF8 (` stands before and `)` follows, or the parts that `args` goes on with. */
  readonly body: "literal" | "utf8" | "catenate";
  readonly args: Scanner;
};

/**
 * `[flag-list SP] [date-time SP] (literal / literal8 / "UTF8 (" literal8 ")")`, up to the literal; its size is checked
 * before the client may send it. Or `CATENATE (` in its place.
 */
export function parseMessage(session: Session, args: Scanner, limit: number): Announced {
  let flags: string[] = [];
  if (args.peek() === "(") {
    flags = parseFlags(args, session.limits);
    args.space();
  }
  let internalDate: number | undefined;
  if (args.peek() === '"') {
    internalDate = args.dateTime();
    args.space();
  }
  const request = { flags, args, ...(internalDate === undefined ? {} : { internalDate }) };
  if (args.take("CATENATE (")) return { ...request, body: "catenate" };
  const body = args.take("UTF8 (") ? "utf8" : "literal";
  const size = session.reader.messageSize;
  if (!args.atEnd || size === undefined) throw new SyntaxFailure("expected a literal with the message");
  if (size === 0) throw new CommandFailure("NO", undefined, "an empty message: nothing was stored");
  if (size > limit) throw new CommandFailure("NO", "TOOBIG", `a message has ${limit} octets at most`);
  return { ...request, body };
}

/** The announced message and, unless it is the `only` one, those that are announced after it. */
export async function* readMessages(
  session: Session,
  state: LoggedIn,
  first: Announced,
  limit: number,
  only = false,
): AsyncGenerator<AppendRequest, void> {
  const { reader } = session;
  for (let announced = first; ; ) {
    const { body, args: before, ...request } = announced;
    let args: Scanner;
    if (body === "catenate") {
      const parts = new Catenation(session, state, before, limit);
      yield { ...request, content: parts.octets() };
      args = parts.rest;
    } else {
      yield { ...request, content: reader.message() };
      args = await reader.nextLine();
      if (body === "utf8") args.expect(")");
    }
    if (args.atEnd && reader.messageSize === undefined) return;
    if (only) throw new SyntaxFailure("expected the end of the command");
    args.space();
    announced = parseMessage(session, args, limit);
  }
}

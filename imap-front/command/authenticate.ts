import type { Handler } from "../dispatch.ts";
import { countFailure, logIn, mustBePrivate, proveScram } from "../log-in.ts";
import { CommandFailure } from "../reply.ts";
import { parsePlain } from "../sasl/plain.ts";
import { ScramExchange, type ScramMechanism } from "../sasl/scram.ts";
import { ScramFailure } from "../sasl/scram-messages.ts";
import type { Session } from "../session.ts";
import type { NotAuthenticated } from "../state.ts";
import type { ScramVerifier } from "../store.ts";
import { ConnectionClosed } from "../wire/input.ts";

const BASE64 = /^[A-Za-z0-9+/]*=*$/;

/** RFC 9051 section 6.2.2, with or without an initial response (RFC 4959). */
export const authenticate: Handler<NotAuthenticated> = async (session, _state, args) => {
  args.space();
  const mechanism = args.keyword();
  const initial = args.take(" ") ? args.rest().trim() : undefined;
  args.end();
  await mechanismNamed(session, mechanism)(initial);
  return `[CAPABILITY ${session.capabilities}] AUTHENTICATE completed`;
};

/** Runs the whole exchange, given the initial response, and lets the session in. */
type Mechanism = (initial: string | undefined) => Promise<void>;

function mechanismNamed(session: Session, name: string): Mechanism {
  const { scram } = session.options.authenticator;
  if (name === "PLAIN") return (initial) => plain(session, initial);
  if (scram !== undefined && (name === "SCRAM-SHA-256" || name === "SCRAM-SHA-256-PLUS"))
    return (initial) => scramSha256(session, scram, name, initial);
  throw new CommandFailure("NO", "CANNOT", "this mechanism is not known; CAPABILITY names those that are");
}

/** RFC 4616. */
async function plain(session: Session, initial: string | undefined): Promise<void> {
  mustBePrivate(session);
  const { authorization, user, password } = parsePlain(await firstResponse(session, initial, "PLAIN"));
  if (authorization !== "") checkAuthorization(authorization, user);
  await logIn(session, user, password);
}

/**
 * RFC 5802 and 7677. An exchange that fails ends with a tagged NO at once, without server-final-message (RFC 5802 section
 * 5.1, attribute e); its text names the error. What comes with success is one more challenge, to be answered empty.
 */
async function scramSha256(
  session: Session,
  verifier: ScramVerifier,
  mechanism: ScramMechanism,
  initial: string | undefined,
): Promise<void> {
  mustBePrivate(session);
  const { salt, iterations } = verifier;
  const channel = {
    offersBinding: session.offersBinding,
    binding: async (type: string) => await session.channelBinding(type),
  };
  const options = { mechanism, channel, salt, iterations, nonce: session.options.scramNonce() };
  const clientFirst = await firstResponse(session, initial, mechanism);
  const exchange = await orRefused(session, () => ScramExchange.begin(clientFirst, options));
  if (exchange.authorization !== undefined) checkAuthorization(exchange.authorization, exchange.user);
  const clientFinal = await respond(session, exchange.serverFirst, mechanism);
  const claim = await orRefused(session, () => exchange.finish(clientFinal));
  const { serverSignature, letIn } = await proveScram(session, verifier, claim);
  const farewell = await respond(session, `v=${Buffer.from(serverSignature).toString("base64")}`, mechanism);
  if (farewell.length > 0) throw new CommandFailure("BAD", undefined, "the last response must be empty");
  letIn();
}

async function orRefused<T>(session: Session, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ScramFailure)) throw error;
    countFailure(session, "imap.login-refused");
    throw new CommandFailure("NO", "AUTHENTICATIONFAILED", `${error.message} (${error.reason})`, { cause: error });
  }
}

function checkAuthorization(authorization: string, user: string): void {
  if (authorization !== user) throw new CommandFailure("NO", "AUTHORIZATIONFAILED", "one user cannot act for another");
}

/** What a mechanism where the client speaks first begins with; `=` stands for an empty one (RFC 4959 section 3). */
async function firstResponse(session: Session, initial: string | undefined, mechanism: string): Promise<Buffer> {
  if (initial === undefined) return await respond(session, "", mechanism);
  return decode(initial === "=" ? "" : initial, mechanism);
}

/** Sends a challenge and waits for the response. @throws CommandFailure where the client cancels, or sends no base64 */
async function respond(session: Session, challenge: string, mechanism: string): Promise<Buffer> {
  session.output.write(`+ ${Buffer.from(challenge).toString("base64")}\r\n`);
  await session.output.flush();
  const response = await session.commandLine();
  if (response === undefined) throw new ConnectionClosed("the connection ended in AUTHENTICATE");
  return decode(response, mechanism);
}

function decode(response: string, mechanism: string): Buffer {
  if (response === "*") throw new CommandFailure("BAD", undefined, "cancelled");
  // Padding that is left out is taken: nothing is gained by refusing.
  if (!BASE64.test(response)) throw new CommandFailure("BAD", undefined, `not a response of ${mechanism}`);
  return Buffer.from(response, "base64");
}

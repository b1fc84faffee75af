import type { Handler } from "../dispatch.ts";
import { logIn } from "../log-in.ts";
import { CommandFailure } from "../reply.ts";
import type { NotAuthenticated } from "../state.ts";
import { ConnectionClosed } from "../wire/input.ts";

/** RFC 9051 section 6.2.2 with PLAIN (RFC 4616), with or without an initial response (RFC 4959). */
export const authenticate: Handler<NotAuthenticated> = async (session, _state, args) => {
  args.space();
  const mechanism = args.keyword();
  let response = args.take(" ") ? args.rest().trim() : undefined;
  args.end();
  if (mechanism !== "PLAIN") throw new CommandFailure("NO", "CANNOT", "only PLAIN is known");
  if (!session.mayLogIn) throw new CommandFailure("NO", "PRIVACYREQUIRED", "start TLS first");
  if (response === undefined) {
    session.output.write("+ \r\n");
    await session.output.flush();
    response = await session.commandLine();
    if (response === undefined) throw new ConnectionClosed("the connection ended in AUTHENTICATE");
  }
  if (response === "*") throw new CommandFailure("BAD", undefined, "cancelled");
  const { authorization, user, password } = parsePlain(response);
  if (authorization !== "" && authorization !== user)
    throw new CommandFailure("NO", "AUTHORIZATIONFAILED", "one user cannot act for another");
  await logIn(session, user, password);
  return `[CAPABILITY ${session.capabilities}] AUTHENTICATE completed`;
};

/** `[authzid] NUL authcid NUL passwd` in base64. */
function parsePlain(response: string): { authorization: string; user: string; password: string } {
  const fields = Buffer.from(response, "base64").toString("utf8").split("\0");
  const [authorization, user, password, more] = fields;
  if (
    !/^[A-Za-z0-9+/]+=*$/.test(response) ||
    authorization === undefined ||
    user === undefined ||
    password === undefined ||
    more !== undefined
  )
    throw new CommandFailure("BAD", undefined, "not a response of PLAIN");
  return { authorization, user, password };
}

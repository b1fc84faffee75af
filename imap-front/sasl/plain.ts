import { CommandFailure } from "../reply.ts";

/** `[authzid] NUL authcid NUL passwd` (RFC 4616 section 2). @throws CommandFailure */
export function parsePlain(response: Uint8Array): { authorization: string; user: string; password: string } {
  const fields = Buffer.from(response).toString("utf8").split("\0");
  const [authorization, user, password, more] = fields;
  if (authorization === undefined || user === undefined || password === undefined || more !== undefined)
    throw new CommandFailure("BAD", undefined, "not a response of PLAIN");
  return { authorization, user, password };
}

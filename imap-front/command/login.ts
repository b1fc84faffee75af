import type { Handler } from "../dispatch.ts";
import { logIn } from "../log-in.ts";
import type { NotAuthenticated } from "../state.ts";

const utf8 = (octets: string) => Buffer.from(octets, "latin1").toString("utf8");

/** RFC 9051 section 6.2.3. */
export const login: Handler<NotAuthenticated> = async (session, _state, args) => {
  args.space();
  const user = args.astring();
  args.space();
  const password = args.astring();
  args.end();
  await logIn(session, utf8(user), utf8(password));
  return `[CAPABILITY ${session.capabilities}] LOGIN completed`;
};

import type { Handler } from "../dispatch.ts";
import type { LoggedIn } from "../state.ts";

/** RFC 2342: everything is personal. */
export const namespace: Handler<LoggedIn> = async (session, _state, args) => {
  args.end();
  session.output.write('* NAMESPACE (("" "/")) NIL NIL\r\n');
  return "NAMESPACE completed";
};

import type { Handler } from "../dispatch.ts";
import type { State } from "../state.ts";

/** RFC 9051 section 6.1.1. */
export const capability: Handler<State> = async (session, _state, args) => {
  args.end();
  session.output.write(`* CAPABILITY ${session.capabilities}\r\n`);
  return "CAPABILITY completed";
};

import type { Handler } from "../dispatch.ts";
import type { State } from "../state.ts";

/** NOOP and CHECK (RFC 9051 section 6.1.2, RFC 3501 section 6.4.1): what changed is told by the session. */
export const noop: Handler<State> = async (_session, _state, args) => {
  args.end();
  return "completed";
};

import type { Handler } from "../dispatch.ts";
import type { State } from "../state.ts";

/** RFC 9051 section 6.1.3. */
export const logout: Handler<State> = async (session, _state, args) => {
  args.end();
  session.unselect();
  session.ending = true;
  session.output.write("* BYE logging out\r\n");
  return "LOGOUT completed";
};

import type { Handler } from "../dispatch.ts";
import type { State } from "../state.ts";
import { formatString } from "../wire/format.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

/** RFC 2971 section 3.3. What the client says of itself is read and forgotten. */
export const id: Handler<State> = async (session, _state, args) => {
  args.space();
  if (args.peek() === "(") {
    let count = 0;
    args.list(() => {
      args.string();
      args.space();
      args.nstring();
      if (++count > 30) throw new SyntaxFailure("too many fields");
    });
  } else {
    args.nstring();
  }
  args.end();
  const fields = Object.entries(session.options.serverId).map(
    ([name, value]) => `${formatString(name)} ${formatString(value)}`,
  );
  session.output.write(`* ID ${fields.length === 0 ? "NIL" : `(${fields.join(" ")})`}\r\n`);
  return "ID completed";
};

import type { Handler } from "../dispatch.ts";
import type { LoggedIn } from "../state.ts";

/** RFC 5161; what is not known is passed over. */
export const enable: Handler<LoggedIn> = async (session, _state, args) => {
  const enabled: string[] = [];
  do {
    args.space();
    if (args.keyword() === "CONDSTORE" && !session.condStore) {
      session.condStore = true;
      enabled.push("CONDSTORE");
    }
  } while (!args.atEnd);
  session.output.write(`* ENABLED${enabled.map((name) => ` ${name}`).join("")}\r\n`);
  return "ENABLE completed";
};

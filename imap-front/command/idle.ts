import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { LoggedIn } from "../state.ts";
import { ConnectionClosed } from "../wire/input.ts";

/**
 * RFC 2177. What is told is what NOTIFY asked for, if it did (RFC 5465 section 4). An empty line is passed over; a
 * command that comes without DONE ends IDLE with BAD and is then carried out.
 */
export const idle: Handler<LoggedIn> = async (session, _state, args) => {
  args.end();
  session.output.write("+ idling\r\n");
  await session.news.tell(true);
  await session.output.flush();
  session.announcements.begin(true);
  try {
    for (;;) {
      const line = await session.commandLine();
      if (line === undefined) throw new ConnectionClosed("the connection ended in IDLE");
      if (line.trim().toUpperCase() === "DONE") break;
      if (line.trim() === "") continue;
      if (/^\S+ \S/.test(line)) session.input.unread(line);
      throw new CommandFailure("BAD", undefined, "expected DONE");
    }
  } finally {
    await session.announcements.end();
  }
  return "IDLE terminated";
};

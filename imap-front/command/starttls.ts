import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { NotAuthenticated } from "../state.ts";

/** RFC 9051 section 6.2.1. */
export const startTls: Handler<NotAuthenticated> = async (session, _state, args) => {
  args.end();
  if (!session.canStartTls) throw new CommandFailure("BAD", undefined, "TLS cannot be started here");
  return { text: "begin TLS now", afterwards: () => session.startTls() };
};

import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { LoggedIn } from "../state.ts";
import { ConnectionClosed } from "../wire/input.ts";

/**
 * RFC 2177. The first change is told at once, those that follow closely are told together. An empty line is passed
 * over; a command that comes without DONE ends IDLE with BAD and is then carried out.
 */
export const idle: Handler<LoggedIn> = async (session, state, args) => {
  args.end();
  const { clock, limits } = session.options;
  const view = state.kind === "selected" ? state.view : undefined;
  const sources = [view, session.annotationNews].filter((source) => source !== undefined);
  let telling: Promise<void> | undefined;
  let earliest = 0;
  let cancel = () => {};
  let over = false;

  const tell = async () => {
    await session.tellChanges(true);
    await session.output.flush();
    if (session.ending) session.hangUp();
    earliest = clock.now() + limits.idleCoalescing;
  };
  const onPending = () => {
    if (telling !== undefined || over) return;
    telling = new Promise<void>((resolve) => {
      const later = clock.after(Math.max(0, earliest - clock.now()), resolve);
      cancel = () => {
        later();
        resolve();
      };
    })
      .then(() => (over ? undefined : tell()))
      .catch(() => session.hangUp())
      .then(() => {
        telling = undefined;
        if (sources.some(({ hasPending }) => hasPending)) onPending();
      });
  };

  session.output.write("+ idling\r\n");
  await session.tellChanges(true);
  await session.output.flush();
  for (const source of sources) {
    source.onPending = onPending;
    if (source.hasPending) onPending();
  }
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
    over = true;
    for (const source of sources) source.onPending = undefined;
    cancel();
    await telling;
  }
  return "IDLE terminated";
};

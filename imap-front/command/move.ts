import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { Selected } from "../state.ts";
import { copyUid, parseCopy } from "./copy.ts";
import { highestModSeq } from "./expunge.ts";

/** RFC 6851: COPYUID goes ahead of the EXPUNGE responses. */
export const move: Handler<Selected> = async (session, state, args, uid) => {
  const { uids, target } = parseCopy(state, args, uid);
  if (state.view.readOnly) throw new CommandFailure("NO", "CANNOT", "the mailbox was opened to be read only");
  const result = await state.view.mailbox.move(uids, target, state.view);
  if (result.uids.length > 0) session.output.write(`* OK ${copyUid(result)}moved\r\n`);
  state.view.noteExpunged(result.uids.map(([from]) => from));
  return `${result.uids.length === 0 ? "" : highestModSeq(session, state.view)}MOVE completed`;
};

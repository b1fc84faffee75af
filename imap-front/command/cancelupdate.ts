import type { Handler } from "../dispatch.ts";
import { CommandFailure } from "../reply.ts";
import type { Selected } from "../state.ts";

/** RFC 5267 section 4.3.5: `"CANCELUPDATE" 1*(SP quoted)`. All tags are cancelled, even if one of them names nothing. */
export const cancelUpdate: Handler<Selected> = async (session, _state, args) => {
  const tags: string[] = [];
  do {
    args.space();
    tags.push(args.string());
  } while (!args.atEnd);
  args.end();
  const unknown = tags.filter((tag) => !session.followed.cancel(tag));
  if (unknown.length > 0) throw new CommandFailure("BAD", undefined, "no search of that tag is followed");
  return "CANCELUPDATE completed";
};

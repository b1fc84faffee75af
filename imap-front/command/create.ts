import type { Handler } from "../dispatch.ts";
import { formatListed } from "../list/list-response.ts";
import { newMailboxName } from "../mailbox-argument.ts";
import { CommandFailure } from "../reply.ts";
import type { LoggedIn } from "../state.ts";
import type { SpecialUse } from "../store.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

const SPECIAL_USES: readonly SpecialUse[] = ["\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash"];

/** RFC 9051 section 6.3.4, with `(USE (\Drafts))` (RFC 6154 section 3). */
export const create: Handler<LoggedIn> = async (session, state, args) => {
  args.space();
  const { name, given } = args.mailboxAsGiven();
  const uses: string[] = [];
  if (!args.atEnd) {
    args.space();
    args.list(() => {
      if (args.keyword() !== "USE") throw new SyntaxFailure("unknown parameter");
      args.space();
      uses.push(...args.list(() => args.flag()));
    });
  }
  args.end();
  if (uses.length > 1) throw new CommandFailure("NO", "USEATTR", "a mailbox has one use at most");
  const use = SPECIAL_USES.find((known) => known.toLowerCase() === uses[0]?.toLowerCase());
  if (uses.length === 1 && use === undefined) throw new CommandFailure("NO", "USEATTR", "that use cannot be given");
  if (use !== undefined && state.store.mailboxes().some(({ specialUse }) => specialUse === use))
    throw new CommandFailure("NO", "USEATTR", "another mailbox has that use");
  const mailbox = await state.store.create(newMailboxName(name, session.limits), use, session.origin);
  const asGiven = given.endsWith("/") ? given.slice(0, -1) : given;
  if (session.rev2 && asGiven !== mailbox.name)
    session.output.write(formatListed(state.store, mailbox, asGiven, session.utf8Names));
  return `[MAILBOXID (${mailbox.id})] CREATE completed`;
};

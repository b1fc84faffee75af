import type { Handler } from "../dispatch.ts";
import { parseFlags } from "../flags.ts";
import { CommandFailure } from "../reply.ts";
import type { Session } from "../session.ts";
import type { Selected } from "../state.ts";
import type { FlagChange } from "../store.ts";
import type { MailboxView } from "../view.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { formatSet } from "../wire/sequence-set.ts";

/** Messages changed in one transaction: few enough that others are served in between. */
const BATCH = 1000;

interface StoreRequest {
  readonly uids: readonly number[];
  readonly unchangedSince: number | undefined;
  readonly change: FlagChange;
  readonly silent: boolean;
  readonly flags: readonly string[];
}

/** RFC 9051 section 6.4.6, with UNCHANGEDSINCE (RFC 7162 section 3.1.3). */
export const store: Handler<Selected> = async (session, { view }, args, uid) => {
  const request = parseStore(session, view, args, uid);
  if (view.readOnly) throw new CommandFailure("NO", "CANNOT", "the mailbox was opened to be read only");
  if (request.unchangedSince !== undefined) session.enableCondStore();
  const gone = !uid && request.uids.some((number) => view.isExpunged(number));
  const conflicts: number[] = [];
  for (let i = 0; i < request.uids.length; i += BATCH) {
    const batch = request.uids.slice(i, i + BATCH);
    const options = {
      origin: view,
      ...(request.unchangedSince === undefined ? {} : { unchangedSince: request.unchangedSince }),
    };
    const result = await view.mailbox.changeFlags(batch, request.change, request.flags, options);
    conflicts.push(...result.conflicts);
    const refused = new Set(result.conflicts);
    const told = request.silent ? result.changed : batch.filter((number) => !refused.has(number));
    if (!request.silent || session.condStore) await tell(session, view, told, request.silent, uid);
    if (session.pace.due) await session.pace.yield();
  }
  // What the refused messages look like now spares the client a FETCH (RFC 7162 section 3.1.3, example 10).
  view.noteFlags(conflicts);
  const numbers = uid ? conflicts : conflicts.map((number) => view.sequenceOf(number));
  const modified = conflicts.length === 0 ? undefined : `MODIFIED ${formatSet(numbers)}`;
  if (gone) throw new CommandFailure("NO", modified ?? "EXPUNGEISSUED", "some of the messages no longer exist");
  return modified === undefined ? "STORE completed" : `[${modified}] some messages were changed by others`;
};

function parseStore(session: Session, view: MailboxView, args: Scanner, uid: boolean): StoreRequest {
  args.space();
  const set = args.messageSet();
  args.space();
  let unchangedSince: number | undefined;
  if (args.peek() === "(") {
    args.list(() => {
      args.expect("UNCHANGEDSINCE");
      args.space();
      unchangedSince = args.modSequence();
    });
    args.space();
  }
  const change = args.take("+") ? "add" : args.take("-") ? "remove" : "replace";
  args.expect("FLAGS");
  const silent = args.take(".SILENT");
  args.space();
  const flags = parseFlags(args, session.limits);
  args.end();
  if (flags.includes("")) throw new SyntaxFailure("expected a flag");
  return { uids: view.resolve(set, uid), unchangedSince, change, silent, flags };
}

/** Tells the flags as they now are, or the MODSEQ alone where the client asked for silence. */
async function tell(
  session: Session,
  view: MailboxView,
  uids: readonly number[],
  silent: boolean,
  uid: boolean,
): Promise<void> {
  if (!silent) session.output.write(view.flagsIfNew());
  for (const message of view.mailbox.summaries(uids)) {
    const parts: string[] = [];
    if (!session.uidOnly && (uid || session.tellsUids)) parts.push(`UID ${message.uid}`);
    if (!silent) parts.push(`FLAGS ${view.formatFlags(message, !session.rev2)}`);
    if (session.condStore) parts.push(`MODSEQ (${message.modSeq})`);
    session.output.write(`${view.fetchStart(message.uid, session.uidOnly)}${parts.join(" ")})\r\n`);
  }
  if (!silent) view.flagsTold(uids);
  if (session.output.full) await session.output.flush();
}

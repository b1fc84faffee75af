import type { Handler } from "../dispatch.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import { CommandFailure } from "../reply.ts";
import type { Selected } from "../state.ts";
import type { CopyResult, Mailbox } from "../store.ts";
import type { Scanner } from "../wire/scanner.ts";
import { formatSet } from "../wire/sequence-set.ts";

/** RFC 9051 section 6.4.7. */
export const copy: Handler<Selected> = async (_session, state, args, uid) => {
  const { uids, target } = parseCopy(state, args, uid);
  const code = copyUid(await state.view.mailbox.copy(uids, target, state.view));
  return `${code}COPY completed`;
};

/** `SP sequence-set SP mailbox`, for COPY and MOVE. A message that is gone fails the whole command, unless it was named by UID. */
export function parseCopy(state: Selected, args: Scanner, uid: boolean): { uids: number[]; target: Mailbox } {
  args.space();
  const set = args.messageSet();
  args.space();
  const name = args.mailbox();
  args.end();
  const uids = state.view.resolve(set, uid);
  const target = existingMailbox(state.store, name, "TRYCREATE");
  if (!uid && uids.some((number) => state.view.isExpunged(number)))
    throw new CommandFailure("NO", "EXPUNGEISSUED", "some of the messages no longer exist");
  return { uids, target };
}

/** `[COPYUID ...] ` (RFC 4315 section 3); empty if nothing was copied. */
export function copyUid({ uidValidity, uids }: CopyResult): string {
  if (uids.length === 0) return "";
  return `[COPYUID ${uidValidity} ${formatSet(uids.map(([from]) => from))} ${formatSet(uids.map(([, to]) => to))}] `;
}

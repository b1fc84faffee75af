import type { Handler } from "../dispatch.ts";
import { formatListed } from "../list/list-response.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import { uidRequired } from "../reply.ts";
import { parseResync, type Resync, tellResync } from "../resync.ts";
import type { LoggedIn } from "../state.ts";
import { MailboxView } from "../view.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

/** RFC 9051 section 6.3.2, with the parameters CONDSTORE and QRESYNC (RFC 7162 sections 3.1.8 and 3.2.5). */
export const select: Handler<LoggedIn> = selectOrExamine(false);

/** RFC 9051 section 6.3.3: the same, and nothing can be changed. */
export const examine: Handler<LoggedIn> = selectOrExamine(true);

function selectOrExamine(readOnly: boolean): Handler<LoggedIn> {
  return async (session, state, args) => {
    args.space();
    const { name, given } = args.mailboxAsGiven();
    let resync: Resync | undefined;
    let condStore = false;
    if (!args.atEnd) {
      args.space();
      args.list(() => {
        const parameter = args.keyword();
        if (parameter === "CONDSTORE") condStore = true;
        else if (parameter === "QRESYNC" && session.qresync) resync = parseResync(args);
        else throw new SyntaxFailure(parameter === "QRESYNC" ? "enable QRESYNC first" : "unknown parameter");
      });
    }
    args.end();
    if (session.uidOnly && resync?.matches !== undefined)
      throw uidRequired("QRESYNC takes no sequence numbers with their UIDs");
    const { output } = session;
    if (state.kind === "selected") {
      session.unselect();
      output.write("* OK [CLOSED] the other mailbox was closed\r\n");
    }
    if (condStore) session.enableCondStore();
    const mailbox = existingMailbox(state.store, name);
    await mailbox.ready();
    const view = new MailboxView(mailbox, readOnly);
    session.select(view);
    const { uidNext, highestModSeq } = mailbox.status();
    view.modSeqAtSelect = highestModSeq;
    output.write(
      `${view.formatKnownFlags()}* ${view.size} EXISTS\r\n${session.rev2 ? "" : `* ${view.recentCount} RECENT\r\n`}` +
        `* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid\r\n* OK [UIDNEXT ${uidNext}] next UID\r\n` +
        `* OK [HIGHESTMODSEQ ${highestModSeq}] highest mod-sequence\r\n* OK [MAILBOXID (${mailbox.id})] the mailbox for ever\r\n`,
    );
    if (session.rev2) output.write(formatListed(state.store, mailbox, given, session.utf8Names));
    if (resync !== undefined) await tellResync(session, view, resync);
    return readOnly ? "[READ-ONLY] EXAMINE completed" : "[READ-WRITE] SELECT completed";
  };
}

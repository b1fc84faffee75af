import type { Handler } from "../dispatch.ts";
import { existingMailbox } from "../mailbox-argument.ts";
import type { LoggedIn } from "../state.ts";
import { MailboxView } from "../view.ts";
import { SyntaxFailure } from "../wire/scanner.ts";

/** RFC 9051 section 6.3.2, with the parameter CONDSTORE (RFC 7162 section 3.1.8). */
export const select: Handler<LoggedIn> = selectOrExamine(false);

/** RFC 9051 section 6.3.3: the same, and nothing can be changed. */
export const examine: Handler<LoggedIn> = selectOrExamine(true);

function selectOrExamine(readOnly: boolean): Handler<LoggedIn> {
  return async (session, state, args) => {
    args.space();
    const name = args.mailbox();
    if (!args.atEnd) {
      args.space();
      args.list(() => {
        if (args.keyword() !== "CONDSTORE") throw new SyntaxFailure("unknown parameter");
        session.condStore = true;
      });
    }
    args.end();
    const { output } = session;
    if (state.kind === "selected") {
      session.unselect();
      output.write("* OK [CLOSED] the other mailbox was closed\r\n");
    }
    const mailbox = existingMailbox(state.store, name);
    const view = new MailboxView(mailbox, readOnly);
    session.select(view);
    const { uidNext, highestModSeq } = mailbox.status();
    output.write(
      `${view.formatKnownFlags()}* ${view.size} EXISTS\r\n* ${view.recentCount} RECENT\r\n` +
        `* OK [UIDVALIDITY ${mailbox.uidValidity}] UIDs are valid\r\n* OK [UIDNEXT ${uidNext}] next UID\r\n` +
        `* OK [HIGHESTMODSEQ ${highestModSeq}] highest mod-sequence\r\n* OK [MAILBOXID (${mailbox.id})] the mailbox for ever\r\n`,
    );
    return readOnly ? "[READ-ONLY] EXAMINE completed" : "[READ-WRITE] SELECT completed";
  };
}

import type { Handler } from "../dispatch.ts";
import type { Session } from "../session.ts";
import type { LoggedIn } from "../state.ts";

const ENABLERS: ReadonlyMap<string, (session: Session, state: LoggedIn) => void> = new Map([
  [
    "CONDSTORE",
    (session: Session) => {
      session.enableCondStore();
    },
  ],
  [
    "QRESYNC",
    (session: Session) => {
      session.qresync = true;
      session.enableCondStore();
    },
  ],
  [
    "IMAP4REV2",
    (session: Session) => {
      session.rev2 = true;
    },
  ],
  [
    "UIDONLY",
    (session: Session) => {
      session.enableUidOnly();
    },
  ],
  [
    "METADATA",
    (session: Session, { store }: LoggedIn) => {
      session.news.metadata = true;
      session.news.watchAnnotations(store);
    },
  ],
  [
    "UTF8=ACCEPT",
    (session: Session) => {
      session.utf8 = true;
    },
  ],
]);

/** RFC 5161; what is not known is passed over, and what was enabled before is named again. */
export const enable: Handler<LoggedIn> = async (session, state, args) => {
  const enabled = new Set<string>();
  do {
    args.space();
    const name = args.atom();
    const enabler = ENABLERS.get(name.toUpperCase());
    if (enabler === undefined) continue;
    enabler(session, state);
    enabled.add(name.toUpperCase() === "IMAP4REV2" ? "IMAP4rev2" : name.toUpperCase());
  } while (!args.atEnd);
  session.enabled();
  session.output.write(`* ENABLED${[...enabled].map((name) => ` ${name}`).join("")}\r\n`);
  return "ENABLE completed";
};

import type { State } from "./state.ts";

// Both LITERAL+ and LITERAL- may not be told (RFC 7888 section 5); the former takes all that the latter does.
const ALWAYS = ["IMAP4rev1", "IMAP4rev2", "LITERAL+", "SASL-IR", "ID", "ENABLE"];

const LOGGED_IN = [
  "IDLE",
  "NOTIFY",
  "NAMESPACE",
  "UNSELECT",
  "UIDPLUS",
  "UIDONLY",
  "MOVE",
  "MULTIAPPEND",
  "CATENATE",
  "REPLACE",
  "CHILDREN",
  "SPECIAL-USE",
  "CREATE-SPECIAL-USE",
  "LIST-EXTENDED",
  "LIST-STATUS",
  "STATUS=SIZE",
  "CONDSTORE",
  "QRESYNC",
  "ESEARCH",
  "SEARCHRES",
  "MULTISEARCH",
  "PARTIAL",
  "PREVIEW",
  "SORT",
  "SORT=DISPLAY",
  "ESORT",
  "CONTEXT=SEARCH",
  "CONTEXT=SORT",
  "THREAD=ORDEREDSUBJECT",
  "THREAD=REFERENCES",
  "BINARY",
  "UTF8=ACCEPT",
  "WITHIN",
  "SAVEDATE",
  "OBJECTID",
  "METADATA",
  "INPROGRESS",
  "QUOTA",
  "QUOTA=RES-STORAGE",
];

/** What is offered in this state: nothing that is only half there. */
export function capabilities(
  state: State,
  channel: { secure: boolean; canStartTls: boolean; plaintextLogin: boolean; scram: boolean },
): string {
  if (state.kind !== "notAuthenticated")
    return [...ALWAYS, ...LOGGED_IN, `APPENDLIMIT=${state.store.appendLimit}`].join(" ");
  const login = channel.secure || channel.plaintextLogin ? mechanisms(channel) : ["LOGINDISABLED"];
  return [...ALWAYS, ...(channel.canStartTls ? ["STARTTLS"] : []), ...login].join(" ");
}

/** The strongest first. A login can be bound to TLS alone. */
function mechanisms({ secure, scram }: { secure: boolean; scram: boolean }): string[] {
  const bound = scram && secure ? ["AUTH=SCRAM-SHA-256-PLUS"] : [];
  return [...bound, ...(scram ? ["AUTH=SCRAM-SHA-256"] : []), "AUTH=PLAIN"];
}

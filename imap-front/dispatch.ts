import { append } from "./command/append.ts";
import { authenticate } from "./command/authenticate.ts";
import { cancelUpdate } from "./command/cancelupdate.ts";
import { capability } from "./command/capability.ts";
import { close, unselect } from "./command/close.ts";
import { copy } from "./command/copy.ts";
import { create } from "./command/create.ts";
import { remove } from "./command/delete.ts";
import { enable } from "./command/enable.ts";
import { esearch } from "./command/esearch.ts";
import { expunge } from "./command/expunge.ts";
import { fetch } from "./command/fetch.ts";
import { getMetadata } from "./command/getmetadata.ts";
import { getQuota, getQuotaRoot } from "./command/getquota.ts";
import { id } from "./command/id.ts";
import { idle } from "./command/idle.ts";
import { list } from "./command/list.ts";
import { login } from "./command/login.ts";
import { logout } from "./command/logout.ts";
import { lsub } from "./command/lsub.ts";
import { move } from "./command/move.ts";
import { namespace } from "./command/namespace.ts";
import { noop } from "./command/noop.ts";
import { notify } from "./command/notify.ts";
import { rename } from "./command/rename.ts";
import { replace } from "./command/replace.ts";
import { search } from "./command/search.ts";
import { examine, select } from "./command/select.ts";
import { setMetadata } from "./command/setmetadata.ts";
import { sort } from "./command/sort.ts";
import { startTls } from "./command/starttls.ts";
import { status } from "./command/status.ts";
import { store } from "./command/store.ts";
import { subscribe, unsubscribe } from "./command/subscribe.ts";
import { thread } from "./command/thread.ts";
import { Progress } from "./progress.ts";
import { CommandFailure, uidRequired } from "./reply.ts";
import type { Session } from "./session.ts";
import type { LoggedIn, NotAuthenticated, Selected, State } from "./state.ts";
import type { ReadCommand } from "./wire/command-reader.ts";
import type { Scanner } from "./wire/scanner.ts";

/** What follows `tag OK `, or that with something to do once it was sent, or a word on whether EXPUNGE may be told. */
export type Completion =
  | string
  | { readonly text: string; readonly afterwards?: () => Promise<void>; readonly expunge?: boolean };

/** Parses the arguments, acts, and writes the untagged responses. Failures are thrown (reply.ts). */
export type Handler<S> = (session: Session, state: S, args: Scanner, uid: boolean) => Promise<Completion>;

export interface Done {
  readonly text: string;
  readonly afterwards?: () => Promise<void>;
  readonly tellChanges: boolean;
  readonly expunge: boolean;
}

interface Command {
  run(session: Session, command: ReadCommand): Promise<Completion>;
  /** EXPUNGE may be told before the tagged response (RFC 9051 section 7.5.1). */
  readonly expunge: boolean;
  readonly tellChanges: boolean;
}

const isUid = (command: ReadCommand) => command.name.startsWith("UID ");

function always(handler: Handler<State>): Command {
  return {
    run: (session, command) => handler(session, session.state, command.args, false),
    expunge: true,
    tellChanges: true,
  };
}

function beforeLogin(handler: Handler<NotAuthenticated>): Command {
  return {
    async run(session, command) {
      if (session.state.kind !== "notAuthenticated") throw new CommandFailure("BAD", undefined, "already logged in");
      return await handler(session, session.state, command.args, false);
    },
    expunge: false,
    tellChanges: false,
  };
}

function loggedIn(handler: Handler<LoggedIn>, tellChanges = true): Command {
  return {
    async run(session, command) {
      if (session.state.kind === "notAuthenticated") throw new CommandFailure("BAD", undefined, "log in first");
      return await handler(session, session.state, command.args, false);
    },
    expunge: true,
    tellChanges,
  };
}

function selected(handler: Handler<Selected>, expunge: boolean): Command {
  return {
    async run(session, command) {
      if (session.state.kind !== "selected") throw new CommandFailure("BAD", undefined, "select a mailbox first");
      return await handler(session, session.state, command.args, isUid(command));
    },
    expunge,
    tellChanges: true,
  };
}

/** A command about sequence numbers: there are none after UIDONLY was enabled (RFC 9586 sections 3.2 and 3.8). */
function numbered(handler: Handler<Selected>, expunge: boolean): Command {
  const command = selected(handler, expunge);
  return {
    ...command,
    async run(session, read) {
      if (session.uidOnly) throw uidRequired(`use UID ${read.name}`);
      return await command.run(session, read);
    },
  };
}

/** Every command that is understood, with the states in which it is valid. */
const COMMANDS: ReadonlyMap<string, Command> = new Map([
  ["CAPABILITY", always(capability)],
  ["NOOP", always(noop)],
  ["LOGOUT", always(logout)],
  ["ID", always(id)],
  ["STARTTLS", beforeLogin(startTls)],
  ["LOGIN", beforeLogin(login)],
  ["AUTHENTICATE", beforeLogin(authenticate)],
  ["ENABLE", loggedIn(enable)],
  ["SELECT", loggedIn(select, false)],
  ["EXAMINE", loggedIn(examine, false)],
  ["CREATE", loggedIn(create)],
  ["DELETE", loggedIn(remove)],
  ["RENAME", loggedIn(rename)],
  ["SUBSCRIBE", loggedIn(subscribe)],
  ["UNSUBSCRIBE", loggedIn(unsubscribe)],
  ["LIST", loggedIn(list)],
  ["LSUB", loggedIn(lsub)],
  ["NAMESPACE", loggedIn(namespace)],
  ["STATUS", loggedIn(status)],
  ["GETQUOTA", loggedIn(getQuota)],
  ["GETQUOTAROOT", loggedIn(getQuotaRoot)],
  ["GETMETADATA", loggedIn(getMetadata)],
  ["SETMETADATA", loggedIn(setMetadata)],
  ["APPEND", loggedIn(append)],
  ["ESEARCH", loggedIn(esearch)],
  ["IDLE", loggedIn(idle)],
  ["NOTIFY", loggedIn(notify)],
  ["CHECK", selected(noop, true)],
  ["CLOSE", selected(close, true)],
  ["UNSELECT", selected(unselect, true)],
  ["REPLACE", numbered(replace, true)],
  ["UID REPLACE", selected(replace, true)],
  ["EXPUNGE", selected(expunge, true)],
  ["UID EXPUNGE", selected(expunge, true)],
  ["CANCELUPDATE", selected(cancelUpdate, true)],
  ["SEARCH", numbered(search, false)],
  ["UID SEARCH", selected(search, true)],
  ["SORT", numbered(sort, false)],
  ["UID SORT", selected(sort, true)],
  ["THREAD", numbered(thread, false)],
  ["UID THREAD", selected(thread, true)],
  ["FETCH", numbered(fetch, false)],
  ["UID FETCH", selected(fetch, true)],
  ["STORE", numbered(store, false)],
  ["UID STORE", selected(store, true)],
  ["COPY", numbered(copy, true)],
  ["UID COPY", selected(copy, true)],
  ["MOVE", numbered(move, true)],
  ["UID MOVE", selected(move, true)],
]);

/** Those whose answer comes whole at their end, and may take a while to come. */
const LONG: ReadonlySet<string> = new Set(
  ["SEARCH", "SORT", "THREAD", "COPY", "MOVE"].flatMap((name) => [name, `UID ${name}`]).concat("ESEARCH"),
);

/** Carries a command out, if there is such a one and the state allows it. */
export async function dispatch(session: Session, command: ReadCommand): Promise<Done> {
  const found = COMMANDS.get(command.name);
  if (found === undefined) throw new CommandFailure("BAD", undefined, "unknown command");
  const progress = LONG.has(command.name) ? new Progress(session) : undefined;
  session.progress = progress;
  const completion = await found.run(session, command).finally(() => progress?.end());
  const { expunge, tellChanges } = found;
  return typeof completion === "string"
    ? { text: completion, expunge, tellChanges }
    : { expunge, tellChanges, ...completion };
}

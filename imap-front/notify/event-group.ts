import { distinctItems, type FetchItem, parseFetchItems } from "../fetch-items.ts";
import type { ImapLimits } from "../limits.ts";
import { type MailboxFilter, parseMailboxFilter } from "../mailbox-filter.ts";
import { CommandFailure } from "../reply.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";

const MESSAGE_EVENTS = ["MessageNew", "MessageExpunge", "FlagChange"] as const;
const EVENTS = [
  ...MESSAGE_EVENTS,
  "MailboxName",
  "SubscriptionChange",
  "MailboxMetadataChange",
  "ServerMetadataChange",
] as const;

/** What a client can ask to be told of (RFC 5465 section 5); nothing here changes the annotations of messages. */
export type NotifyEvent = (typeof EVENTS)[number];

/** Which events, in which mailboxes. */
export interface EventGroup {
  readonly filter: MailboxFilter;
  /** Empty for NONE. */
  readonly events: ReadonlySet<NotifyEvent>;
  /** What is told of each new message of the selected mailbox. */
  readonly items: readonly FetchItem[];
}

const BY_NAME: ReadonlyMap<string, NotifyEvent> = new Map(EVENTS.map((event) => [event.toUpperCase(), event]));
const OF_MESSAGES: ReadonlySet<NotifyEvent> = new Set(MESSAGE_EVENTS);
/** Those that may only be asked for together with MessageNew and MessageExpunge (section 5). */
const NEEDS_BOTH = ["MESSAGENEW", "MESSAGEEXPUNGE", "FLAGCHANGE", "ANNOTATIONCHANGE"];

export function ofSelected({ filter: { kind } }: EventGroup): boolean {
  return kind === "SELECTED" || kind === "SELECTED-DELAYED";
}

/** `event-groups`. @throws CommandFailure BADEVENT for events that are unknown, NOTIFICATIONOVERFLOW for too much at once */
export function parseEventGroups(args: Scanner, limits: ImapLimits): EventGroup[] {
  const groups: EventGroup[] = [];
  const unknown = new Set<string>();
  do {
    if (groups.length > 0) args.space();
    groups.push(parseEventGroup(args, limits, unknown));
  } while (!args.atEnd);
  if (groups.filter(ofSelected).length > 1) throw new SyntaxFailure("either SELECTED or SELECTED-DELAYED, and once");
  if (unknown.size > 0)
    throw new CommandFailure("NO", `BADEVENT (${EVENTS.join(" ")})`, "the server does not tell of such events");
  const names = groups.reduce((sum, { filter }) => sum + ("names" in filter ? filter.names.size : 1), 0);
  if (names > limits.notifyMailboxes)
    throw new CommandFailure("NO", "NOTIFICATIONOVERFLOW", `name ${limits.notifyMailboxes} mailboxes at most`);
  return groups;
}

/** `"(" filter-mailboxes SP events ")"` */
function parseEventGroup(args: Scanner, limits: ImapLimits, unknown: Set<string>): EventGroup {
  args.expect("(");
  const filter = parseMailboxFilter(args);
  args.space();
  const { names, items } = parseEvents(args, limits);
  args.expect(")");
  const events = new Set<NotifyEvent>();
  for (const name of names) {
    const event = BY_NAME.get(name);
    if (event === undefined) unknown.add(name);
    else events.add(event);
  }
  if (NEEDS_BOTH.some((name) => names.has(name)) && !(events.has("MessageNew") && events.has("MessageExpunge")))
    throw new SyntaxFailure("MessageNew and MessageExpunge go together, and FlagChange with both");
  const group = { filter, events, items };
  if (ofSelected(group) && [...events].some((event) => !OF_MESSAGES.has(event)))
    throw new SyntaxFailure("only events of messages can be told of the selected mailbox");
  if (!ofSelected(group) && items.length > 0)
    throw new SyntaxFailure("only messages of the selected mailbox can be fetched");
  return group;
}

/** `"(" event *(SP event) ")" / "NONE"`; the list of items after MessageNew is read like one more event. */
function parseEvents(args: Scanner, limits: ImapLimits): { names: Set<string>; items: FetchItem[] } {
  const names = new Set<string>();
  let items: FetchItem[] = [];
  if (args.take("NONE")) return { names, items };
  let last = "";
  args.list(() => {
    if (args.peek() === "(" && last === "MESSAGENEW") {
      items = distinctItems(items.concat(parseFetchItems(args, limits)));
      last = "";
      return;
    }
    last = args.keyword();
    names.add(last);
  });
  if (names.size === 0) throw new SyntaxFailure("expected an event, or NONE");
  return { names, items };
}

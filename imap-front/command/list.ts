import type { Handler } from "../dispatch.ts";
import { ancestors, type ListEntry, mailboxTree } from "../list/mailbox-tree.ts";
import { matchesPattern } from "../list/pattern.ts";
import type { LoggedIn } from "../state.ts";
import { formatStatus, parseStatusItems } from "../status-items.ts";
import { formatMailbox } from "../wire/format.ts";
import { normaliseMailboxName } from "../wire/mailbox-name.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";

interface ListRequest {
  readonly reference: string;
  readonly patterns: readonly string[];
  readonly subscribed: boolean;
  readonly specialUse: boolean;
  readonly recursive: boolean;
  readonly returnSubscribed: boolean;
  readonly statusItems: readonly string[] | undefined;
  /** Neither selection nor return options nor several patterns: the command of RFC 3501. */
  readonly basic: boolean;
}

/** RFC 3501 section 6.3.8, extended by RFCs 5258, 5819 and 6154. */
export const list: Handler<LoggedIn> = async (session, state, args) => {
  const request = parseList(args);
  const { output } = session;
  if (request.basic && request.patterns[0] === "") {
    output.write('* LIST (\\Noselect) "/" ""\r\n');
    return "LIST completed";
  }
  const patterns = request.patterns.map((pattern) => normaliseMailboxName(request.reference + pattern));
  const entries = mailboxTree(state.store);
  const matching = new Set<ListEntry>();
  for (const entry of entries) {
    if (patterns.some((pattern) => matchesPattern(entry.name, pattern))) matching.add(entry);
    if (session.pace.due) await session.pace.yield();
  }
  const withHidden = request.recursive ? namesWithHiddenChildren(entries, matching, request) : new Set<string>();
  for (const entry of matching) {
    const childInfo = withHidden.has(entry.name);
    if (!isWanted(entry, request) && !childInfo) continue;
    const extended = childInfo ? ' ("CHILDINFO" ("SUBSCRIBED"))' : "";
    output.write(
      `* LIST (${attributes(entry, request).join(" ")}) "/" ${formatMailbox(entry.name, session.utf8Names)}${extended}\r\n`,
    );
    if (request.statusItems !== undefined && entry.mailbox !== undefined && isWanted(entry, request)) {
      await entry.mailbox.ready();
      output.write(formatStatus(entry.mailbox, request.statusItems, state.store.appendLimit, session.utf8Names));
    }
    if (output.full) await output.flush();
    if (session.pace.due) await session.pace.yield();
  }
  if (request.statusItems?.includes("HIGHESTMODSEQ") === true) session.enableCondStore();
  return "LIST completed";
};

function parseList(args: Scanner): ListRequest {
  args.space();
  const selection = args.peek() === "(" ? args.list(() => args.keyword()) : undefined;
  if (selection !== undefined) args.space();
  const reference = args.mailbox();
  args.space();
  const several = args.peek() === "(";
  const patterns = several ? args.list(() => args.listMailbox()) : [args.listMailbox()];
  if (patterns.length === 0) throw new SyntaxFailure("expected a mailbox pattern");
  const returns = new Set<string>();
  let statusItems: string[] | undefined;
  if (!args.atEnd) {
    args.space();
    args.expect("RETURN");
    args.space();
    args.list(() => {
      const option = args.keyword();
      if (!["SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "STATUS"].includes(option))
        throw new SyntaxFailure("unknown return option");
      returns.add(option);
      if (option !== "STATUS") return;
      args.space();
      statusItems = parseStatusItems(args);
    });
  }
  args.end();
  const options = new Set(selection);
  for (const option of options)
    if (!["SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"].includes(option))
      throw new SyntaxFailure("unknown selection option");
  const recursive = options.has("RECURSIVEMATCH");
  // SPECIAL-USE is one of the options that do not count here (RFC 6154 section 6).
  if (recursive && !options.has("SUBSCRIBED")) throw new SyntaxFailure("RECURSIVEMATCH needs something to match");
  return {
    reference,
    patterns,
    subscribed: options.has("SUBSCRIBED"),
    specialUse: options.has("SPECIAL-USE"),
    recursive,
    returnSubscribed: options.has("SUBSCRIBED") || returns.has("SUBSCRIBED"),
    statusItems,
    basic: selection === undefined && !several && returns.size === 0,
  };
}

/** RFC 5258 section 3: whether the name itself meets the selection options. */
function isWanted(entry: ListEntry, request: ListRequest): boolean {
  if (request.subscribed && !entry.subscribed) return false;
  if (request.specialUse && entry.mailbox?.specialUse === undefined) return false;
  // A bare level above a mailbox is shown; a subscription to nothing only to whoever asks for subscriptions.
  return request.subscribed || entry.mailbox !== undefined || entry.hasChildren;
}

function attributes(entry: ListEntry, request: ListRequest): string[] {
  const found: string[] = [];
  if (entry.mailbox === undefined) found.push(request.basic ? "\\Noselect" : "\\NonExistent");
  found.push(entry.hasChildren ? "\\HasChildren" : "\\HasNoChildren");
  if (entry.mailbox?.specialUse !== undefined) found.push(entry.mailbox.specialUse);
  if (request.returnSubscribed && entry.subscribed) found.push("\\Subscribed");
  return found;
}

/** Names below which something is wanted that the patterns do not reach (RFC 5258 section 3.5). */
function namesWithHiddenChildren(
  entries: readonly ListEntry[],
  matching: ReadonlySet<ListEntry>,
  request: ListRequest,
): Set<string> {
  const names = new Set<string>();
  for (const entry of entries)
    if (!matching.has(entry) && isWanted(entry, request)) for (const parent of ancestors(entry.name)) names.add(parent);
  return names;
}

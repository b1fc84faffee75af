import { formatName } from "../list/list-response.ts";
import { ancestors } from "../list/mailbox-tree.ts";
import { isMeant } from "../mailbox-filter.ts";
import { formatStatus } from "../status-items.ts";
import type { Mailbox, MailboxChange, MailStore, StoreChange } from "../store.ts";
import { NOTHING, type Wanted } from "../view.ts";
import { type EventGroup, type NotifyEvent, ofSelected } from "./event-group.ts";

/** What a session tells its notifications of itself. */
export interface Watcher {
  /** What the session hands in with its own changes, of which it is not told. */
  readonly origin: object;
  readonly utf8Names: boolean;
  readonly condStore: boolean;
  /** The mailbox that is selected: the view tells of it. */
  readonly selectedMailbox: Mailbox | undefined;
}

const STATUS_ITEMS = ["UIDVALIDITY", "UIDNEXT", "MESSAGES", "UNSEEN", "HIGHESTMODSEQ"] as const;
type StatusItem = (typeof STATUS_ITEMS)[number];

const ON_CHANGE: Readonly<Record<"added" | "expunged" | "flags", readonly StatusItem[]>> = {
  added: ["UIDNEXT", "MESSAGES"],
  expunged: ["UIDNEXT", "MESSAGES"],
  flags: ["UIDVALIDITY", "UNSEEN"],
};
const EVENT_OF: Readonly<Record<"added" | "expunged" | "flags", NotifyEvent>> = {
  added: "MessageNew",
  expunged: "MessageExpunge",
  flags: "FlagChange",
};

/**
 * What a client asked for with NOTIFY (RFC 5465), and what is to be told of other mailboxes than the selected one. Kept of
 * a mailbox is that it changed, not how often; if more names change than may wait, nothing is told any more but that.
 */
export class Notifications {
  /** Called when something is to be told. */
  onPending: (() => void) | undefined;
  readonly #store: MailStore;
  readonly #watcher: Watcher;
  readonly #limit: number;
  #groups: readonly EventGroup[];
  #stop: () => void = () => undefined;
  #overflow = false;
  /** Names that were created, removed, renamed, subscribed or unsubscribed, with the name before a renaming. */
  readonly #names = new Map<string, string | undefined>();
  readonly #changed = new Map<Mailbox, Set<StatusItem>>();

  /** Without groups: NOTIFY NONE. `limit`: changed names that may wait to be told. */
  constructor(store: MailStore, watcher: Watcher, groups: readonly EventGroup[], limit: number) {
    this.#store = store;
    this.#watcher = watcher;
    this.#groups = groups;
    this.#limit = limit;
    if (groups.some((group) => !ofSelected(group))) this.#stop = store.watch((change) => this.#note(change));
  }

  close(): void {
    this.onPending = undefined;
    this.#stop();
  }

  /** The client listens while no command is carried out. */
  get live(): boolean {
    return this.#groups.length > 0 || this.#overflow;
  }

  /** EXPUNGE may be told while no command is carried out (section 6.1.1). */
  get immediate(): boolean {
    return this.#selected?.filter.kind === "SELECTED";
  }

  /** What is told of the selected mailbox. */
  get wanted(): Wanted {
    const events = this.#selected?.events;
    if (events === undefined || events.size === 0) return NOTHING;
    return { messages: true, flags: events.has("FlagChange") };
  }

  /** What is told of new messages in the selected mailbox. */
  get items(): EventGroup["items"] {
    return this.#selected?.items ?? [];
  }

  get wantsAnnotations(): boolean {
    return this.#groups.some(({ events }) => events.has("MailboxMetadataChange") || events.has("ServerMetadataChange"));
  }

  get hasPending(): boolean {
    return this.#overflow || this.#names.size > 0 || this.#changed.size > 0;
  }

  /** Whether the client wants to hear of it; `name` is the mailbox's, undefined for what is the server's. */
  wants(event: NotifyEvent, name: string | undefined): boolean {
    return this.#groups.some(
      ({ filter, events }) => events.has(event) && (name === undefined || isMeant(filter, { name }, this.#store)),
    );
  }

  /** STATUS of every other mailbox whose messages are watched (section 3.1). */
  *statuses(): Generator<string, void> {
    const { selectedMailbox } = this.#watcher;
    for (const mailbox of this.#store.mailboxes()) {
      if (mailbox === selectedMailbox || !this.wants("MessageNew", mailbox.name)) continue;
      const withFlags = this.wants("FlagChange", mailbox.name);
      yield this.#status(mailbox, withFlags ? STATUS_ITEMS : ["UIDVALIDITY", "UIDNEXT", "MESSAGES"]);
    }
  }

  /** LIST responses, then STATUS responses, as things are now. */
  *flush(): Generator<string, void> {
    if (this.#overflow) {
      this.#overflow = false;
      yield "* OK [NOTIFICATIONOVERFLOW] too much changed to be told; NOTIFY is off\r\n";
      return;
    }
    const { utf8Names, condStore, selectedMailbox } = this.#watcher;
    const names = [...this.#names];
    this.#names.clear();
    for (const [name, oldName] of names) yield formatName(this.#store, name, oldName, utf8Names);
    const changed = [...this.#changed];
    this.#changed.clear();
    for (const [mailbox, items] of changed) {
      if (mailbox === selectedMailbox || this.#store.mailbox(mailbox.name) !== mailbox) continue;
      if (condStore) items.add("HIGHESTMODSEQ");
      yield this.#status(
        mailbox,
        STATUS_ITEMS.filter((item) => items.has(item)),
      );
    }
  }

  /** Too much is to be told: from now on it is as after NOTIFY NONE, and the client is told so (section 5.8). */
  overflow(): void {
    this.#stop();
    this.#groups = [];
    this.#names.clear();
    this.#changed.clear();
    this.#overflow = true;
    this.onPending?.();
  }

  get #selected(): EventGroup | undefined {
    return this.#groups.find(ofSelected);
  }

  #status(mailbox: Mailbox, items: readonly StatusItem[]): string {
    return formatStatus(mailbox, items, this.#store.appendLimit, this.#watcher.utf8Names);
  }

  #note(change: StoreChange): void {
    if (change.kind === "messages") return this.#noteMessages(change.mailbox, change.change);
    if (change.origin === this.#watcher.origin) return;
    switch (change.kind) {
      case "subscription":
        this.#noteName("SubscriptionChange", change.name);
        break;
      case "created":
        this.#noteCreated(change.name);
        this.#noteParent(change.name);
        break;
      case "removed":
        this.#noteName("MailboxName", change.name);
        this.#noteParent(change.name);
        break;
      case "renamed":
        // Whoever watches one of the two names is told.
        if (this.wants("MailboxName", change.from)) this.#tellName(change.to, change.from);
        else this.#noteName("MailboxName", change.to, change.from);
        this.#noteNewUidValidity(change.to);
        break;
    }
  }

  #noteCreated(name: string): void {
    this.#noteName("MailboxName", name);
    this.#noteNewUidValidity(name);
  }

  /** A created or removed mailbox affects the level above as well, be it a mailbox or not (section 5.4). */
  #noteParent(name: string): void {
    const { value: parent } = ancestors(name).next();
    if (parent !== undefined) this.#noteName("MailboxName", parent);
  }

  #noteName(event: NotifyEvent, name: string, oldName?: string): void {
    if (this.wants(event, name)) this.#tellName(name, oldName);
  }

  #tellName(name: string, oldName: string | undefined): void {
    const before = oldName ?? this.#names.get(name);
    // Told in the order of the last changes.
    this.#names.delete(name);
    this.#names.set(name, before);
    if (this.#names.size > this.#limit) this.overflow();
    else this.onPending?.();
  }

  /** Another mailbox has this name now: whoever hears of flags is told that the UIDs mean something else (section 5.1). */
  #noteNewUidValidity(name: string): void {
    const mailbox = this.#store.mailbox(name);
    if (mailbox !== undefined && this.wants("FlagChange", name))
      this.#tellStatus(mailbox, ["UIDVALIDITY", "UIDNEXT", "MESSAGES"]);
  }

  #noteMessages(mailbox: Mailbox, change: MailboxChange): void {
    if (change.kind === "removed") this.#changed.delete(mailbox);
    else if (change.origin !== this.#watcher.origin && this.wants(EVENT_OF[change.kind], mailbox.name))
      this.#tellStatus(mailbox, ON_CHANGE[change.kind]);
  }

  #tellStatus(mailbox: Mailbox, items: readonly StatusItem[]): void {
    const waiting = this.#changed.get(mailbox);
    if (waiting === undefined) this.#changed.set(mailbox, new Set(items));
    else for (const item of items) waiting.add(item);
    this.onPending?.();
  }
}

import { AnnotationNews } from "./annotation-news.ts";
import { tellNewMessages } from "./new-messages.ts";
import type { Notifications } from "./notify/notifications.ts";
import type { Session } from "./session.ts";
import type { Mailbox, MailStore } from "./store.ts";
import { EVERYTHING, type MailboxView, type Wanted } from "./view.ts";

/** What a session tells of others' changes: in the selected mailbox, and whatever its client asked for with NOTIFY or METADATA. */
export class SessionNews {
  readonly #session: Session;
  /** The client enabled METADATA (RFC 5464 section 4.1); what NOTIFY says goes before it. */
  metadata = false;
  #annotations: AnnotationNews | undefined;
  #notifications: Notifications | undefined;

  constructor(session: Session) {
    this.#session = session;
  }

  /** What others changed of annotations, once the client wants to hear of it. */
  get annotations(): AnnotationNews | undefined {
    return this.#annotations;
  }

  /** What the client asked for with NOTIFY; undefined as long as it did not. */
  get notifications(): Notifications | undefined {
    return this.#notifications;
  }

  /** Whoever may have something to tell. */
  get sources(): { onPending: (() => void) | undefined }[] {
    return [this.#view, this.#annotations, this.#notifications].filter((source) => source !== undefined);
  }

  /** From now on the store's annotations are watched, for ENABLE METADATA or for NOTIFY. */
  watchAnnotations(store: MailStore): void {
    this.#annotations ??= new AnnotationNews(store, (mailbox) => this.#wantsAnnotations(mailbox));
  }

  /** What NOTIFY asked for, from now on. */
  setNotifications(notifications: Notifications, store: MailStore): void {
    this.#notifications?.close();
    this.#notifications = notifications;
    if (notifications.wantsAnnotations) this.watchAnnotations(store);
  }

  /** Whether `tell` would tell anything. */
  pending(expunge: boolean): boolean {
    if (this.#annotations?.hasPending === true || this.#notifications?.hasPending === true) return true;
    const view = this.#view;
    return view !== undefined && (view.removed || view.hasNews({ expunge, wanted: this.#wanted }));
  }

  /** Tells what was asked for with NOTIFY or of annotations, and what is in the selected mailbox. */
  async tell(expunge: boolean, uid = false): Promise<void> {
    await this.#tell(expunge, uid, this.#wanted);
  }

  /** The same, with what waits in the selected mailbox because it was not wanted (RFC 5465 section 3.1). */
  async tellEverything(): Promise<void> {
    await this.#tell(true, false, EVERYTHING);
  }

  close(): void {
    this.#annotations?.close();
    this.#notifications?.close();
  }

  get #view(): MailboxView | undefined {
    const { state } = this.#session;
    return state.kind === "selected" ? state.view : undefined;
  }

  get #wanted(): Wanted {
    return this.#notifications?.wanted ?? EVERYTHING;
  }

  #wantsAnnotations(mailbox: Mailbox | undefined): boolean {
    const notifications = this.#notifications;
    if (notifications === undefined) return this.metadata;
    const event = mailbox === undefined ? "ServerMetadataChange" : "MailboxMetadataChange";
    if (!notifications.wants(event, mailbox?.name)) return false;
    if ((this.#annotations?.size ?? 0) < this.#session.limits.notices) return true;
    notifications.overflow();
    return false;
  }

  async #tell(expunge: boolean, uid: boolean, wanted: Wanted): Promise<void> {
    const session = this.#session;
    const notifications = this.#notifications;
    for (const text of this.#annotations?.flush(session.utf8Names) ?? []) session.output.write(text);
    await this.#write(notifications?.flush() ?? []);
    const view = this.#view;
    if (view === undefined) return;
    if (view.removed) {
      if (!session.ending) session.output.write("* BYE the selected mailbox was removed\r\n");
      session.ending = true;
      return;
    }
    const { condStore: modSeq, uidOnly, followed } = session;
    for (const text of followed.beforeChanges(view)) session.output.write(text);
    const vanished = session.qresync || uidOnly;
    const withUid = !uidOnly && (uid || session.tellsUids || notifications?.live === true);
    const recent = !session.rev2;
    await this.#write(view.flush({ wanted, expunge, vanished, uidOnly, uid: withUid, modSeq, recent }));
    const fresh = view.takeFresh();
    const { esearch, items } = await followed.afterChanges(session, view, fresh);
    const always = notifications?.items ?? [];
    if (items.size > 0) {
      const entering = fresh.filter((number) => items.has(number));
      await tellNewMessages(session, view, entering, { wanted: items, always });
    }
    session.output.write(esearch);
    if (always.length === 0) return;
    const others = items.size === 0 ? fresh : fresh.filter((number) => !items.has(number));
    await tellNewMessages(session, view, others, { always });
  }

  async #write(responses: Iterable<string>): Promise<void> {
    const { output, pace } = this.#session;
    for (const text of responses) {
      output.write(text);
      if (output.full) await output.flush();
      if (pace.due) await pace.yield();
    }
  }
}

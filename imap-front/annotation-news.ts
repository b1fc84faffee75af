import type { AnnotationChange, Mailbox, MailStore } from "./store.ts";
import { formatMailbox } from "./wire/format.ts";

/** Which annotations others changed and this session, which wants to hear of it, was not yet told of (RFC 5464 section 4.4.2). */
export class AnnotationNews {
  /** Called when something is to be told. */
  onPending: (() => void) | undefined;
  readonly #store: MailStore;
  readonly #wants: (mailbox: Mailbox | undefined) => boolean;
  readonly #entries = new Map<Mailbox | undefined, Set<string>>();
  readonly #stop: () => void;

  /** `wants`: whether the client is to be told of that mailbox's annotations just now, or of the server's. */
  constructor(store: MailStore, wants: (mailbox: Mailbox | undefined) => boolean) {
    this.#store = store;
    this.#wants = wants;
    this.#stop = store.watchAnnotations((change) => this.#note(change));
  }

  get hasPending(): boolean {
    return this.#entries.size > 0;
  }

  /** How many names wait. */
  get size(): number {
    let size = 0;
    for (const entries of this.#entries.values()) size += entries.size;
    return size;
  }

  /** METADATA responses with the names alone; those of mailboxes that were removed meanwhile are forgotten. */
  *flush(utf8: boolean): Generator<string> {
    const news = [...this.#entries];
    this.#entries.clear();
    for (const [mailbox, entries] of news) {
      if (mailbox !== undefined && this.#store.mailbox(mailbox.name) !== mailbox) continue;
      yield `* METADATA ${formatMailbox(mailbox?.name ?? "", utf8)} ${[...entries].map(formatEntry).join(" ")}\r\n`;
    }
  }

  close(): void {
    this.onPending = undefined;
    this.#stop();
  }

  #note({ mailbox, entries, origin }: AnnotationChange): void {
    if (origin === this || !this.#wants(mailbox)) return;
    const known = this.#entries.get(mailbox) ?? new Set();
    for (const entry of entries) known.add(entry);
    this.#entries.set(mailbox, known);
    this.onPending?.();
  }
}

/** The name of an entry; quoted where it is no atom. */
export function formatEntry(entry: string): string {
  return /^[!#$&'+-Z[\]^-z|}~]+$/.test(entry) ? entry : `"${entry.replace(/["\\]/g, "\\$&")}"`;
}

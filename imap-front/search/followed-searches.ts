import { Failure } from "../../foundation/failure.ts";
import type { FetchItem } from "../fetch-items.ts";
import { CommandFailure } from "../reply.ts";
import type { Session } from "../session.ts";
import type { MailboxView } from "../view.ts";
import { formatString } from "../wire/format.ts";
import { mentions } from "./criteria.ts";
import { FollowedSearch, type SearchToFollow } from "./followed-search.ts";
import { freezeKey } from "./frozen-key.ts";

/** What is to be told of the searches after EXISTS and flags. */
export interface FollowedChanges {
  /** ESEARCH responses. */
  readonly esearch: string;
  /** What is to be told of new messages before them. */
  readonly items: ReadonlyMap<number, readonly FetchItem[]>;
}

/** The searches of a session whose results it follows, by their tags (RFC 5267 section 4.3). A session without any pays nothing. */
export class FollowedSearches {
  readonly #searches = new Map<string, FollowedSearch>();

  /** To be called before a search with UPDATE acts: a tag that names another one is refused. @throws CommandFailure BAD */
  checkTag(tag: string): void {
    if (this.#searches.has(tag)) throw new CommandFailure("BAD", undefined, "that tag names a search that is followed");
  }

  /**
   * Gets ready to follow a search before it looks at anything, so that no change slips through meanwhile; the result
   * takes what was found. What cannot be followed is told with NOUPDATE (section 4.3.1).
   */
  begin(session: Session, view: MailboxView, search: SearchToFollow): (found: readonly number[]) => void {
    const refuse = (reason: string) => () => session.output.write(noUpdate(search.tag, reason));
    if (this.#searches.size >= session.limits.followedSearches)
      return refuse("that many searches are followed already; cancel one");
    if (mentions(search.key, ({ kind }) => kind === "age"))
      return refuse("OLDER and YOUNGER change without a change of the mailbox");
    if (search.items.some(({ kind }) => kind === "MODSEQ")) session.enableCondStore();
    view.keepTouched();
    const frozen = { ...search, key: freezeKey(view, search.key) };
    return (found) => this.#searches.set(search.tag, new FollowedSearch(frozen, found));
  }

  /** False if no search of that tag is followed. */
  cancel(tag: string): boolean {
    return this.#searches.delete(tag);
  }

  /** No longer follows searches whose results are sequence numbers; the responses that say so. */
  *dropNumbered(): Generator<string, void> {
    for (const [tag, search] of this.#searches)
      if (search.numbered && this.#searches.delete(tag))
        yield noUpdate(tag, "UIDONLY was enabled; search again by UID");
  }

  clear(): void {
    this.#searches.clear();
  }

  /** To be told before EXPUNGE, while the sequence numbers hold; at any time, even where EXPUNGE is forbidden (section 4.3.2). */
  *beforeChanges(view: MailboxView): Generator<string, void> {
    if (this.#searches.size === 0 || !view.hasExpunged) return;
    const gone = [...view.expungedUids];
    for (const search of this.#searches.values()) yield search.remove(view, gone);
  }

  /** To be told after EXISTS and FETCH, when the new sequence numbers hold. `fresh`: the new messages that others added. */
  async afterChanges(session: Session, view: MailboxView, fresh: readonly number[]): Promise<FollowedChanges> {
    const items = new Map<number, readonly FetchItem[]>();
    let esearch = "";
    if (this.#searches.size === 0) view.dropTouched();
    const touched = view.takeTouched();
    if (touched.length === 0) return { esearch, items };
    for (const [tag, search] of this.#searches) {
      try {
        esearch += await search.update(session, view, touched);
        if (search.items.length === 0) continue;
        for (const uid of fresh) if (search.has(uid)) items.set(uid, search.items.concat(items.get(uid) ?? []));
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        // What the client has can no longer be kept true: better it knows.
        this.#searches.delete(tag);
        esearch += noUpdate(tag, "a message could not be read; search again");
      }
    }
    return { esearch, items };
  }
}

function noUpdate(tag: string, reason: string): string {
  return `* NO [NOUPDATE ${formatString(tag)}] ${reason}\r\n`;
}

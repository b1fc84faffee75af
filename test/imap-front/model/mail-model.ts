/** RFC 9051 as lists: small enough to be seen to be right. Times and octets of messages play no part but for their number. */
export interface ModelMessage {
  readonly uid: number;
  flags: Set<string>;
  readonly content: string;
}

export class ModelMailbox {
  name: string;
  messages: ModelMessage[] = [];
  /** Every UID that was ever given, in order. */
  readonly ever: number[] = [];
  /** UIDs that the last command changed or added. */
  readonly touched = new Set<number>();
  /** The last command took messages away. */
  removed = false;
  uidNext = 1;

  constructor(name: string) {
    this.name = name;
  }

  find(uid: number): ModelMessage | undefined {
    return this.messages.find((message) => message.uid === uid);
  }

  add(content: string, flags: Iterable<string>): number {
    const uid = this.uidNext++;
    this.messages.push({ uid, flags: new Set(flags), content });
    this.ever.push(uid);
    this.touched.add(uid);
    return uid;
  }

  remove(uids: readonly number[]): void {
    if (uids.length > 0) this.removed = true;
    this.messages = this.messages.filter(({ uid }) => !uids.includes(uid));
  }

  /** `how` is `+`, `-`, or empty: exactly these flags. */
  change(uid: number, how: string, flags: readonly string[]): void {
    const message = this.find(uid);
    if (message === undefined) return;
    const before = [...message.flags].sort().join(" ");
    if (how === "") message.flags = new Set(flags);
    for (const flag of flags)
      if (how === "-") message.flags.delete(flag);
      else message.flags.add(flag);
    if ([...message.flags].sort().join(" ") !== before) this.touched.add(uid);
  }
}

/** What one session has selected, and the list as it was told. */
export class ModelView {
  readonly mailbox: ModelMailbox;
  readonly readOnly: boolean;
  /** UIDs by sequence number. */
  told: number[];
  #seen: number;

  constructor(mailbox: ModelMailbox, readOnly: boolean) {
    this.mailbox = mailbox;
    this.readOnly = readOnly;
    this.told = mailbox.messages.map(({ uid }) => uid);
    this.#seen = mailbox.ever.length;
  }

  isGone(uid: number): boolean {
    return this.mailbox.find(uid) === undefined;
  }

  /** News are told: messages that came, and, where that is allowed, that others are gone. */
  tell(expunge: boolean): void {
    const news = this.mailbox.ever.slice(this.#seen);
    this.#seen = this.mailbox.ever.length;
    this.told.push(...news);
    if (expunge) this.told = this.told.filter((uid) => !this.isGone(uid));
  }

  /** UIDs that a set names; undefined for a sequence number that is not there. */
  resolve(set: string, byUid: boolean): number[] | undefined {
    const last = byUid ? (this.told.at(-1) ?? 0) : this.told.length;
    const named = (n: number) =>
      set.split(",").some((range) => {
        const [a = 0, b = a] = range.split(":").map((end) => (end === "*" ? last : Number(end)));
        return n >= Math.min(a, b) && n <= Math.max(a, b);
      });
    if (byUid) return this.told.filter(named);
    const ends = set.split(/[:,]/).map((end) => (end === "*" ? last : Number(end)));
    if (ends.some((end) => end < 1 || end > last)) return undefined;
    return this.told.filter((_, index) => named(index + 1));
  }
}

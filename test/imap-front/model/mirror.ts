import { numbersOf, type Response, type Value } from "./responses.ts";

/** What a client knows of one message. */
export interface Known {
  uid: number | undefined;
  /** Sorted, without `\Recent`; undefined until the client was told. */
  flags: readonly string[] | undefined;
  modSeq: number | undefined;
}

/** What was enabled in a session. */
export interface Profile {
  readonly rev2: boolean;
  readonly condStore: boolean;
  readonly qresync: boolean;
  readonly uidOnly: boolean;
}

/** Commands in which EXPUNGE may not come (RFC 9051 section 7.5.1, RFC 5256 section 3), and none at all. */
const NO_EXPUNGE: readonly string[] = ["FETCH", "STORE", "SEARCH", "SORT", ""];

/** The values of one FETCH response by their names. */
export function fetchItems(response: Response): ReadonlyMap<string, Value> {
  const list = response.values[0] as readonly Value[];
  const items = new Map<string, Value>();
  for (let i = 0; i < list.length; i += 2) items.set(String(list[i]).toUpperCase(), list[i + 1]);
  return items;
}

/**
 * The selected mailbox as a careful client pieces it together from responses alone. Complains of what a client could
 * not make sense of: numbers of messages that are not there, a UID that moved, EXPUNGE where it may not come.
 */
export class Mirror {
  readonly #profile: Profile;
  list: Known[] = [];
  /** After ENABLE UIDONLY what is known is known by UID, and the list is only so long as there are messages. */
  readonly #byUid = new Map<number, Known>();
  /** RECENT as last told. */
  recent = 0;
  /** UIDs that this session was told to be `\Recent`. */
  readonly recentUids = new Set<number>();
  /** Those of VANISHED (EARLIER). */
  vanishedEarlier: number[] = [];

  constructor(profile: Profile) {
    this.#profile = profile;
  }

  clear(): void {
    this.list = [];
    this.#byUid.clear();
    this.recentUids.clear();
  }

  /** What the client knows of the message that has this UID, and, if numbers are told, is so far down the list. */
  known(index: number, uid: number): Known | undefined {
    return this.#profile.uidOnly ? this.#byUid.get(uid) : this.list[index];
  }

  /** All that is known, by ascending UID. */
  get messages(): readonly Known[] {
    if (!this.#profile.uidOnly) return this.list;
    return [...this.#byUid].sort(([a], [b]) => a - b).map(([, known]) => known);
  }

  /** `command` is the one in progress, `UID FETCH` for instance. */
  take(response: Response, command: string): void {
    const { name, number } = response;
    const complain = (what: string) => {
      throw new Error(`${what}: ${response.text}`);
    };
    const at = () => {
      const known = this.list[(number ?? 0) - 1];
      return known ?? complain(`there are ${this.list.length} messages`);
    };
    switch (name) {
      case "EXISTS":
        if ((number ?? -1) < this.list.length) complain("EXISTS took messages away");
        while (this.list.length < (number ?? 0))
          this.list.push({ uid: undefined, flags: undefined, modSeq: undefined });
        return;
      case "RECENT":
        if (this.#profile.rev2) complain("IMAP4rev2 has no RECENT");
        this.recent = number ?? 0;
        return;
      case "EXPUNGE":
        if (NO_EXPUNGE.includes(command)) complain(`EXPUNGE during ${command}`);
        if (this.#profile.qresync) complain("EXPUNGE after QRESYNC was enabled");
        if (this.#profile.uidOnly) complain("EXPUNGE after UIDONLY was enabled");
        at();
        this.list.splice((number ?? 0) - 1, 1);
        return;
      case "VANISHED":
        return this.#vanished(response, command, complain);
      case "FETCH":
        if (this.#profile.uidOnly) complain("FETCH after UIDONLY was enabled");
        return this.#fetched(response, at(), complain);
      case "UIDFETCH": {
        if (!this.#profile.uidOnly) complain("UIDFETCH without UIDONLY");
        const uid = number ?? 0;
        const known = this.#byUid.get(uid) ?? { uid, flags: undefined, modSeq: undefined };
        this.#byUid.set(uid, known);
        if (this.#byUid.size > this.list.length) complain(`there are ${this.list.length} messages`);
        return this.#fetched(response, known, complain);
      }
    }
  }

  #vanished({ values }: Response, command: string, complain: (what: string) => void): void {
    if (!this.#profile.qresync && !this.#profile.uidOnly) complain("VANISHED without QRESYNC or UIDONLY");
    const earlier = Array.isArray(values[0]);
    const uids = numbersOf(String(values[earlier ? 1 : 0]));
    if (earlier) {
      this.vanishedEarlier.push(...uids);
      return;
    }
    if (NO_EXPUNGE.includes(command)) complain(`VANISHED during ${command}`);
    for (const uid of uids) {
      if (this.#profile.uidOnly) {
        if (this.list.pop() === undefined) complain("there are no messages");
        this.#byUid.delete(uid);
        continue;
      }
      const index = this.#indexOf(uid);
      if (index < 0) complain(`UID ${uid} is not there`);
      this.list.splice(index, 1);
    }
  }

  /** Where the UID is; if that was not told, a place where it can be, and nothing is known any more of its neighbours without UID. */
  #indexOf(uid: number): number {
    const known = this.list.findIndex((message) => message.uid === uid);
    if (known >= 0) return known;
    const after = this.list.findIndex((message) => message.uid !== undefined && message.uid > uid);
    const last = (after < 0 ? this.list.length : after) - 1;
    for (let i = last; i >= 0 && this.list[i]?.uid === undefined; i--)
      this.list[i] = { uid: undefined, flags: undefined, modSeq: undefined };
    return this.list[last]?.uid === undefined ? last : -1;
  }

  #fetched(response: Response, known: Known, complain: (what: string) => void): void {
    const items = fetchItems(response);
    const uid = items.has("UID") ? Number(items.get("UID")) : undefined;
    if (uid !== undefined) {
      if (known.uid !== undefined && known.uid !== uid) complain(`message was UID ${known.uid}`);
      known.uid = uid;
      const index = this.list.indexOf(known);
      if (
        index >= 0 &&
        this.list.some(
          (other, i) => other.uid !== undefined && (i < index ? other.uid >= uid : i > index && other.uid <= uid),
        )
      )
        complain("UIDs do not ascend");
    }
    if (items.has("MODSEQ")) {
      const modSeq = Number((items.get("MODSEQ") as readonly Value[])[0]);
      if (modSeq < (known.modSeq ?? 0)) complain(`MODSEQ was ${known.modSeq}`);
      known.modSeq = modSeq;
    }
    const flags = items.get("FLAGS") as readonly string[] | undefined;
    if (flags === undefined) return;
    if (flags.includes("\\Recent")) {
      if (this.#profile.rev2) complain("IMAP4rev2 has no \\Recent");
      if (known.uid !== undefined) this.recentUids.add(known.uid);
    }
    known.flags = flags.filter((flag) => flag !== "\\Recent").sort();
  }
}

/**
 * Many changes of a Maildir at the same time, each written down before it begins and after it was acknowledged, so that
 * after a crash somebody can say what must be there. Every lane changes its own letters, one change after the other.
 */
import { createHash } from "node:crypto";
import type { Database } from "../foundation/database.ts";
import { errorCode } from "../foundation/failure.ts";
import type { Maildir, MaildirMailbox } from "../maildir/store.ts";

/** A letter as it must be; undefined is what nobody was told. */
export interface StormLetter {
  readonly box: string;
  readonly uid?: number;
  /** Names the lane before the first dash; the content follows from it. */
  readonly subject: string;
  /** Sorted. */
  readonly flags: readonly string[];
}

export interface StormBox {
  readonly name: string;
  readonly id?: string;
  readonly uidValidity?: number;
}

/** All that belongs to one lane. */
export interface LaneState {
  readonly boxes: readonly StormBox[];
  readonly letters: readonly StormLetter[];
}

/** What is written down, a line of JSON each. */
export type Mark =
  | { readonly kind: "begin" | "done"; readonly lane: string; readonly state: LaneState; readonly what: string }
  /** What a session could tell its mail program, whether it is on the disk or not. */
  | { readonly kind: "told"; readonly id: string; readonly uidNext: number; readonly modSeq: number }
  /** Acknowledged; the MODSEQ is from before. */
  | { readonly kind: "expunged"; readonly id: string; readonly uids: readonly number[]; readonly modSeq: number };

/** The lane that makes, renames and removes mailboxes; their names begin with it. */
export const BOX_LANE = "boxes";
export const LETTER_LANES = ["lane0", "lane1", "lane2", "lane3", "lane4"];

/** A lane keeps no more letters than this, so that a storm can go on for ever. */
const LETTERS_PER_LANE = 10;
const FLAGS = ["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "\\Draft", "$Forwarded", "Storm"];

/** The letter of a subject, octet for octet. */
export function stormLetter(subject: string): Buffer {
  const seed = createHash("sha256").update(subject).digest();
  // Mostly small, some of several pages and chunks.
  const lines = (seed[0] ?? 0) < 24 ? 1_500 : (seed[0] ?? 0) % 60;
  let body = "";
  for (let line = 0; line < lines; line++) body += `${seed.toString("hex")} line ${line} of ${subject}\r\n`;
  return Buffer.from(
    `From: a@example.org\r\nMessage-ID: <${subject}@example.org>\r\nSubject: ${subject}\r\n\r\n${body}`,
  );
}

export function laneOf(name: string): string {
  return /^[a-z]+\d?/.exec(name)?.[0] ?? "";
}

/** What a lane has in the store. */
export async function laneState(maildir: Maildir, lane: string): Promise<LaneState> {
  return (await laneStates(maildir)).get(lane) ?? { boxes: [], letters: [] };
}

export async function laneStates(maildir: Maildir): Promise<Map<string, LaneState>> {
  const found = new Map<string, { boxes: StormBox[]; letters: StormLetter[] }>();
  const of = (lane: string) => {
    const state = found.get(lane) ?? { boxes: [], letters: [] };
    found.set(lane, state);
    return state;
  };
  for (const mailbox of maildir.mailboxes()) {
    const { name, id, uidValidity } = mailbox;
    if (laneOf(name) === BOX_LANE) of(BOX_LANE).boxes.push({ name, id, uidValidity });
    for (const { uid, flags } of mailbox.summaries(mailbox.uids())) {
      const subject = /^Subject: (\S+)/m.exec(mailbox.headers([uid])[0]?.toString() ?? "")?.[1] ?? "";
      of(laneOf(subject)).letters.push({ box: name, uid, subject, flags: flags.toSorted() });
    }
  }
  return found;
}

/** Random numbers that a seed gives again. */
export function randomOf(seed: string): (below: number) => number {
  let counter = 0;
  return (below) => {
    const digest = createHash("sha256").update(`${seed} ${counter++}`).digest();
    return digest.readUInt32BE(0) % below;
  };
}

export interface StormOptions {
  readonly maildir: Maildir;
  readonly db: Database;
  readonly seed: string;
  /** Changes of each lane. */
  readonly changes: number;
  readonly mark: (mark: Mark) => void;
}

/** Runs all lanes; in the end INBOX is renamed, which is a change of all. */
export async function storm(options: StormOptions): Promise<void> {
  const { maildir, mark, seed } = options;
  watch(maildir, mark);
  const lanes = [...LETTER_LANES, BOX_LANE].map((name) => new Lane(options, name));
  for (const lane of lanes) await lane.begin();
  await Promise.all(lanes.map((lane) => lane.run()));
  const to = `old-${seed}`;
  for (const lane of lanes) lane.inboxRenames(to, "begin");
  await maildir.rename("INBOX", to);
  for (const lane of lanes) lane.inboxRenames(to, "done");
}

const watched = new WeakSet<MaildirMailbox>();

function watch(maildir: Maildir, mark: (mark: Mark) => void): void {
  for (const mailbox of maildir.mailboxes()) {
    if (watched.has(mailbox)) continue;
    watched.add(mailbox);
    const tell = (): void => {
      const { uidNext, highestModSeq } = mailbox.status();
      mark({ kind: "told", id: mailbox.id, uidNext, modSeq: highestModSeq });
    };
    tell();
    mailbox.watch((change) => change.kind !== "removed" && tell());
  }
}

class Lane {
  readonly #options: StormOptions;
  readonly #name: string;
  readonly #random: (below: number) => number;
  #state: LaneState = { boxes: [], letters: [] };
  #next: LaneState = this.#state;
  #count = 0;

  constructor(options: StormOptions, name: string) {
    this.#options = options;
    this.#name = name;
    this.#random = randomOf(`${options.seed} ${name}`);
  }

  async begin(): Promise<void> {
    this.#state = await laneState(this.#options.maildir, this.#name);
    this.#mark("done", this.#state, "start");
  }

  async run(): Promise<void> {
    for (let change = 0; change < this.#options.changes; change++)
      await (this.#name === BOX_LANE ? this.#changeBoxes() : this.#changeLetters());
  }

  inboxRenames(to: string, kind: "begin" | "done"): void {
    const letters = this.#state.letters.map((letter) => (letter.box === "INBOX" ? { ...letter, box: to } : letter));
    this.#mark(kind, { ...this.#state, letters }, "rename INBOX");
  }

  #mark(kind: "begin" | "done", state: LaneState, what: string): void {
    this.#options.mark({ kind, lane: this.#name, state, what });
  }

  /** One change; `after` is the lane's state once it is done, where `told` puts in what only the answer says. */
  async #change<T>(
    what: string,
    after: LaneState,
    work: () => Promise<T>,
    told: (result: T) => LaneState = () => after,
  ): Promise<void> {
    this.#mark("begin", after, what);
    const result = await work();
    this.#next = told(result);
    this.#state = this.#next;
    this.#mark("done", this.#state, what);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[this.#random(Math.max(1, from.length))];
  }

  #subject(): string {
    return `${this.#name}-${this.#options.seed}-${this.#count++}`;
  }

  #flags(): string[] {
    return FLAGS.filter(() => this.#random(3) === 0).sort();
  }

  #box(name: string): MaildirMailbox {
    const mailbox = this.#options.maildir.mailbox(name);
    if (mailbox === undefined) throw new Error(`no mailbox ${name}`);
    return mailbox;
  }

  async #changeLetters(): Promise<void> {
    const { letters } = this.#state;
    const box = this.#pick(["INBOX", "Archive"]) ?? "";
    if (letters.length > LETTERS_PER_LANE) return await this.#expunge();
    switch (letters.length === 0 ? 0 : this.#random(7)) {
      case 0:
      case 1:
        return await this.#append(box);
      case 2:
        return await this.#deliver();
      case 3:
        return await this.#store();
      case 4:
        return await this.#transfer(box, false);
      case 5:
        return await this.#transfer(box, true);
      default:
        return await this.#expunge();
    }
  }

  /** One or several in one command. */
  async #append(box: string): Promise<void> {
    const added = Array.from({ length: 1 + this.#random(3) }, (): StormLetter => {
      return { box, subject: this.#subject(), flags: this.#flags() };
    });
    const { letters } = this.#state;
    await this.#change(
      "append",
      { ...this.#state, letters: [...letters, ...added] },
      () =>
        this.#box(box).append(
          added.map(({ subject, flags }) => ({ content: pieces(stormLetter(subject)), flags, internalDate: 1e12 })),
        ),
      (uids) => {
        const told = added.map((letter, index): StormLetter => ({ ...letter, uid: uids[index] ?? 0 }));
        return { ...this.#state, letters: [...letters, ...told] };
      },
    );
  }

  /** As the overlay does: under a name that follows from the letter's id, and once more after it is there. */
  async #deliver(): Promise<void> {
    const { maildir, db } = this.#options;
    const added: StormLetter = { box: "INBOX", subject: this.#subject(), flags: [] };
    const { letters } = this.#state;
    const name = Buffer.from(added.subject);
    const stage = () => maildir.stage(pieces(stormLetter(added.subject)), { name, internalDate: 1e12 });
    await this.#change(
      "deliver",
      { ...this.#state, letters: [...letters, added] },
      async () => {
        // The first attempt does not come to its commit.
        if (this.#random(2) === 0) await stage();
        const staged = await stage();
        const inbox = this.#box("INBOX");
        return db.transaction(() => maildir.insert(inbox.id, staged, { flags: [] }));
      },
      (uid) => ({ ...this.#state, letters: [...letters, { ...added, uid }] }),
    );
    const repeated = await stage().then(
      () => "",
      (error: unknown) => errorCode(error),
    );
    if (repeated !== "already-exists") throw new Error(`a repeated letter was taken: ${repeated}`);
  }

  /** Some of the lane's letters of one mailbox. */
  #some(): { box: string; chosen: StormLetter[]; others: StormLetter[] } {
    const { letters } = this.#state;
    const box = this.#pick(letters)?.box ?? "";
    const chosen = letters.filter((letter) => letter.box === box && this.#random(2) === 0);
    return { box, chosen, others: letters.filter((letter) => !chosen.includes(letter)) };
  }

  async #store(): Promise<void> {
    const { box, chosen, others } = this.#some();
    const flags = this.#flags();
    const letters = [...others, ...chosen.map((letter) => ({ ...letter, flags }))];
    await this.#change("store", { ...this.#state, letters }, () =>
      this.#box(box).changeFlags(uidsOf(chosen), "replace", flags),
    );
  }

  async #transfer(target: string, move: boolean): Promise<void> {
    const { box, chosen, others } = this.#some();
    if (box === target && move) return;
    const kept = move ? others : this.#state.letters;
    const arrived = chosen.map(({ subject, flags }): StormLetter => ({ box: target, subject, flags }));
    const from = this.#box(box);
    const { highestModSeq } = from.status();
    await this.#change(
      move ? "move" : "copy",
      { ...this.#state, letters: [...kept, ...arrived] },
      () => from[move ? "move" : "copy"](uidsOf(chosen), this.#box(target)),
      ({ uids }) => {
        const told = new Map(uids);
        const withUids = chosen.map(({ uid = 0, subject, flags }): StormLetter => {
          return { box: target, uid: told.get(uid) ?? 0, subject, flags };
        });
        return { ...this.#state, letters: [...kept, ...withUids] };
      },
    );
    if (move) this.#expunged(from, chosen, highestModSeq);
  }

  async #expunge(): Promise<void> {
    const { box, chosen, others } = this.#some();
    const from = this.#box(box);
    const { highestModSeq } = from.status();
    await this.#change("expunge", { ...this.#state, letters: others }, () => from.expunge(uidsOf(chosen)));
    this.#expunged(from, chosen, highestModSeq);
  }

  #expunged({ id }: MaildirMailbox, letters: readonly StormLetter[], modSeq: number): void {
    this.#options.mark({ kind: "expunged", id, uids: uidsOf(letters), modSeq });
  }

  async #changeBoxes(): Promise<void> {
    const { boxes, letters } = this.#state;
    const { maildir } = this.#options;
    const top = boxes.filter(({ name }) => !name.includes("/"));
    const box = this.#pick(top);
    const below = (name: string) => name === box?.name || name.startsWith(`${box?.name}/`);
    switch (box === undefined ? 0 : boxes.length > 6 ? 1 : this.#random(4)) {
      case 0: {
        const fresh = `${BOX_LANE}-${this.#options.seed}-${this.#count++}`;
        const name = box !== undefined && this.#random(2) === 0 ? `${box.name}/${fresh}` : fresh;
        await this.#change(
          "create",
          { ...this.#state, boxes: [...boxes, { name }] },
          () => maildir.create(name),
          ({ id, uidValidity }) => ({ ...this.#state, boxes: [...boxes, { name, id, uidValidity }] }),
        );
        return watch(maildir, this.#options.mark);
      }
      case 1: {
        // Inferiors stay where they are.
        const gone = this.#pick(boxes)?.name ?? "";
        const after = {
          boxes: boxes.filter(({ name }) => name !== gone),
          letters: letters.filter(({ box }) => box !== gone),
        };
        return await this.#change("remove", after, () => maildir.remove(gone));
      }
      case 2: {
        const to = `${BOX_LANE}-${this.#options.seed}-${this.#count++}`;
        const renamed = (name: string): string => (below(name) ? to + name.slice(box?.name.length) : name);
        const after = {
          boxes: boxes.map((one) => ({ ...one, name: renamed(one.name) })),
          letters: letters.map((letter) => ({ ...letter, box: renamed(letter.box) })),
        };
        return await this.#change("rename", after, () => maildir.rename(box?.name ?? "", to));
      }
      default:
        return await this.#append(this.#pick(boxes)?.name ?? "");
    }
  }
}

function uidsOf(letters: readonly StormLetter[]): number[] {
  return letters.map(({ uid = 0 }) => uid);
}

async function* pieces(octets: Buffer): AsyncGenerator<Uint8Array> {
  yield octets;
}

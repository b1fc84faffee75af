import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { LaneState, Mark, StormBox, StormLetter } from "../../rig/mail-storm.ts";
import { BOX_LANE, LETTER_LANES, laneState, laneStates, stormLetter } from "../../rig/mail-storm.ts";
import { openStormHome } from "../../rig/storm-home.ts";
import { collect } from "../maildir/home.ts";

interface Expected {
  /** As it was acknowledged last. */
  state: LaneState;
  /** What was under way. */
  next: LaneState | undefined;
  what: string;
}

/** What somebody may rely on who heard all acknowledgements up to some moment of a storm. */
export class StormWitness {
  readonly #lanes = new Map<string, Expected>();
  readonly #told = new Map<string, { uidNext: number; modSeq: number }>();
  /** Not looked for in the log yet. */
  #expunged: { id: string; uids: readonly number[]; modSeq: number }[] = [];
  /** Looked for once; by mailbox. */
  readonly #gone = new Map<string, Set<number>>();
  readonly #identities = new Map<string, number>();
  /** How many changes were acknowledged, by kind. */
  readonly acknowledged: Record<string, number> = {};

  hear(mark: Mark): void {
    if (mark.kind === "told") {
      const before = this.#told.get(mark.id);
      this.#told.set(mark.id, {
        uidNext: Math.max(mark.uidNext, before?.uidNext ?? 0),
        modSeq: Math.max(mark.modSeq, before?.modSeq ?? 0),
      });
    } else if (mark.kind === "expunged") this.#expunged.push(mark);
    else if (mark.kind === "begin") {
      const before = this.#lanes.get(mark.lane)?.state ?? EMPTY;
      this.#lanes.set(mark.lane, { state: before, next: mark.state, what: mark.what });
    } else {
      this.#lanes.set(mark.lane, { state: mark.state, next: undefined, what: mark.what });
      this.acknowledged[mark.what] = (this.acknowledged[mark.what] ?? 0) + 1;
    }
  }

  /** Opens the home and says what is not as it must be; what was found is what the next storm begins with. */
  async check(home: string): Promise<string[]> {
    const wrong: string[] = [];
    const opened = await openStormHome(home);
    const { maildir, db } = opened;
    try {
      const integrity = db.sqlite.pragma("integrity_check", { simple: true });
      if (integrity !== "ok") wrong.push(`the database: ${String(integrity)}`);
      const found = await laneStates(maildir);
      for (const lane of [...LETTER_LANES, BOX_LANE]) {
        const expected = this.#lanes.get(lane) ?? { state: EMPTY, next: undefined, what: "nothing" };
        const actual = found.get(lane) ?? EMPTY;
        const possible = [expected.state, ...(expected.next === undefined ? [] : [expected.next])];
        if (!possible.some((state) => isSame(state, actual)))
          wrong.push(`${lane}, ${expected.what}: ${JSON.stringify({ possible, actual })}`);
      }
      for (const mailbox of maildir.mailboxes()) {
        const { uidNext, highestModSeq } = mailbox.status();
        const told = this.#told.get(mailbox.id);
        if (told !== undefined && (uidNext < told.uidNext || highestModSeq < told.modSeq))
          wrong.push(`${mailbox.name} went back: ${JSON.stringify({ told, uidNext, highestModSeq })}`);
        const known = this.#identities.get(mailbox.id);
        if (known !== undefined && known !== mailbox.uidValidity) wrong.push(`UIDVALIDITY of ${mailbox.name} changed`);
        this.#identities.set(mailbox.id, mailbox.uidValidity);
        const summaries = [...mailbox.summaries(mailbox.uids())];
        const newest = Math.max(0, ...summaries.map(({ modSeq }) => modSeq));
        if (newest > highestModSeq) wrong.push(`a letter of ${mailbox.name} has a MODSEQ above the highest`);
        for (const [index, { uid, size }] of summaries.entries()) {
          const subject = /^Subject: (\S+)/m.exec(mailbox.headers([uid])[0]?.toString() ?? "")?.[1] ?? "";
          const octets = await collect(mailbox.read(uid, 0, Number.MAX_SAFE_INTEGER)).catch((error: unknown) => error);
          if (!(octets instanceof Buffer) || !octets.equals(stormLetter(subject)) || octets.length !== size)
            wrong.push(`${subject} in ${mailbox.name} is not what was stored: ${String(octets).slice(0, 80)}`);
          if (index !== 0) continue;
          const hits = await mailbox.searchText("text", subject, mailbox.uids());
          if (!hits.has(uid)) wrong.push(`${subject} in ${mailbox.name} is not found by its text`);
        }
      }
      for (const { id, uids, modSeq } of this.#expunged) {
        const gone = new Set(maildir.mailboxById(id)?.expungedSince(modSeq) ?? uids);
        if (uids.some((uid) => !gone.has(uid))) wrong.push(`the log of expunged messages lacks some of ${uids.join()}`);
        this.#gone.set(id, new Set([...(this.#gone.get(id) ?? []), ...uids]));
      }
      this.#expunged = [];
      for (const [id, uids] of this.#gone) {
        const gone = new Set(maildir.mailboxById(id)?.expungedSince(0) ?? uids);
        for (const uid of uids) if (!gone.has(uid)) wrong.push(`the log of expunged messages lost ${uid}`);
      }
      for (const lane of [...LETTER_LANES, BOX_LANE])
        this.#lanes.set(lane, { state: await laneState(maildir, lane), next: undefined, what: "found" });
      await opened.close();
      wrong.push(
        ...leftovers(home, maildir.mailboxes().length, maildir.mailboxes().flatMap((box) => box.uids()).length),
      );
    } catch (error) {
      db.close();
      wrong.push(`it does not open: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
    return wrong;
  }
}

const EMPTY: LaneState = { boxes: [], letters: [] };

function leftovers(home: string, folders: number, letters: number): string[] {
  const mail = join(home, "mail");
  const names = readdirSync(mail);
  const files = readdirSync(mail, { recursive: true, encoding: "utf8" })
    .filter((name) => /\/(tmp|new|cur)\//.test(name))
    .filter((name) => statSync(join(mail, name)).isFile());
  return [
    ...(names.length === folders ? [] : [`${names.length} folders on disk for ${folders} mailboxes`]),
    ...(files.length === letters ? [] : [`${files.length} files on disk for ${letters} letters`]),
  ];
}

/** Whether the lane has what is expected, each once; undefined matches anything. */
function isSame(expected: LaneState, actual: LaneState): boolean {
  const key = ({ box, subject, flags }: StormLetter) => JSON.stringify([box, subject, flags]);
  return (
    expected.letters.length === actual.letters.length &&
    expected.boxes.length === actual.boxes.length &&
    sameLetters(expected.letters, actual.letters, key) &&
    expected.boxes.every((box) => actual.boxes.some((other) => isBox(box, other)))
  );
}

/** Letters with a UID that is known first take theirs; the others take what is left. */
function sameLetters(
  expected: readonly StormLetter[],
  actual: readonly StormLetter[],
  key: (letter: StormLetter) => string,
): boolean {
  const left = [...actual];
  for (const letter of expected.toSorted((a, b) => Number(b.uid !== undefined) - Number(a.uid !== undefined))) {
    const at = left.findIndex((other) => key(other) === key(letter) && (letter.uid ?? other.uid) === other.uid);
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return true;
}

function isBox(expected: StormBox, actual: StormBox): boolean {
  return (
    expected.name === actual.name &&
    (expected.id ?? actual.id) === actual.id &&
    (expected.uidValidity ?? actual.uidValidity) === actual.uidValidity
  );
}

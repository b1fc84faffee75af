import type { Session } from "./session.ts";
import type { MailboxView } from "./view.ts";
import { type Scanner, SyntaxFailure } from "./wire/scanner.ts";
import {
  formatRanges,
  formatSet,
  lowerBound,
  membersIn,
  normaliseSet,
  numbersIn,
  rangesWithout,
  type SequenceSet,
  STAR,
} from "./wire/sequence-set.ts";

/** Messages whose flags are read and told at a time. */
const BATCH = 256;

/** What a client knows of a mailbox: the argument of QRESYNC (RFC 7162 section 3.2.5). */
export interface Resync {
  readonly uidValidity: number;
  readonly modSeq: number;
  readonly knownUids: SequenceSet | undefined;
  /** Sequence numbers and the UIDs that they had. */
  readonly matches: readonly [numbers: SequenceSet, uids: SequenceSet] | undefined;
}

/** `SP "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")"` */
export function parseResync(args: Scanner): Resync {
  args.space();
  args.expect("(");
  const uidValidity = args.nonZeroNumber();
  args.space();
  const modSeq = args.modSequence();
  let knownUids: SequenceSet | undefined;
  let matches: Resync["matches"];
  if (args.take(" ") && args.peek() !== "(") {
    knownUids = withoutStar(args);
    args.take(" ");
  }
  if (args.take("(")) {
    const numbers = withoutStar(args);
    args.space();
    matches = [numbers, withoutStar(args)];
    args.expect(")");
  }
  args.expect(")");
  return { uidValidity, modSeq, knownUids, matches };
}

function withoutStar(args: Scanner): SequenceSet {
  const set = args.sequenceSet();
  if (set.flat().includes(STAR)) throw new SyntaxFailure("there must be no * among what is known");
  return set;
}

/** VANISHED (EARLIER) and FETCH for what happened since; nothing if UIDVALIDITY is another. */
export async function tellResync(session: Session, view: MailboxView, resync: Resync): Promise<void> {
  const { mailbox } = view;
  if (resync.uidValidity !== mailbox.uidValidity) return;
  const known = resync.knownUids ?? [[1, STAR] as const];
  const floor = lastMatch(view, resync.matches);
  session.output.write(vanishedEarlier(view, known, resync.modSeq, floor));
  const ranges = normaliseSet(known, view.uids.at(-1) ?? 0);
  const changed = membersIn(mailbox.changedSince(resync.modSeq), ranges);
  for (let i = 0; i < changed.length; i += BATCH) {
    for (const message of mailbox.summaries(changed.slice(i, i + BATCH))) {
      const flags = view.formatFlags(message, !session.rev2);
      const uid = session.uidOnly ? "" : `UID ${message.uid} `;
      const start = view.fetchStart(message.uid, session.uidOnly);
      session.output.write(`${start}${uid}FLAGS ${flags} MODSEQ (${message.modSeq}))\r\n`);
    }
    if (session.output.full) await session.output.flush();
    if (session.pace.due) await session.pace.yield();
  }
}

/**
 * `* VANISHED (EARLIER)` with those of the UIDs that were expunged since the mod-sequence, without those up to `floor`;
 * empty if there are none. Where the log does not reach back so far, all that are not there (RFC 7162 section 3.2.6).
 */
export function vanishedEarlier(view: MailboxView, known: SequenceSet, modSeq: number, floor = 0): string {
  const { uidNext } = view.mailbox.status();
  const ranges = normaliseSet(known, uidNext - 1).flatMap(([from, to]): [number, number][] => {
    const range: [number, number] = [Math.max(from, floor + 1), Math.min(to, uidNext - 1)];
    return range[0] <= range[1] ? [range] : [];
  });
  const expunged = view.mailbox.expungedSince(modSeq);
  const gone =
    expunged === undefined ? formatRanges(rangesWithout(ranges, view.uids)) : formatSet(membersIn(expunged, ranges));
  return gone === "" ? "" : `* VANISHED (EARLIER) ${gone}\r\n`;
}

/** The highest UID up to which the client's sequence numbers are right: it knows what was expunged below. */
function lastMatch(view: MailboxView, matches: Resync["matches"]): number {
  if (matches === undefined) return 0;
  let last = 0;
  const uids = numbersIn(matches[1]);
  for (const number of numbersIn(matches[0])) {
    const uid = uids.next();
    if (uid.done === true || number > view.size) break;
    const index = lowerBound(view.uids, uid.value);
    if (view.uids[index] === uid.value && index + 1 === number) last = uid.value;
  }
  return last;
}

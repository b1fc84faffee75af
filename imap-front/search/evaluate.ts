import { common, without } from "../ascending.ts";
import type { Pace } from "../pace.ts";
import type { Progress } from "../progress.ts";
import type { Session } from "../session.ts";
import type { MessageSummary } from "../store.ts";
import type { MailboxView } from "../view.ts";
import { membersIn, normaliseSet, type SequenceSet } from "../wire/sequence-set.ts";
import { parseEnvelopeDate } from "./envelope-date.ts";
import type { SearchKey } from "./search-key.ts";

/** Messages whose index rows are read at a time. */
const BATCH = 512;
const DAY = 86_400_000;

export interface SearchContext {
  readonly view: MailboxView;
  readonly now: number;
  readonly pace: Pace;
  readonly signal: AbortSignal;
  readonly progress?: Progress | undefined;
}

/** What a command of the session has at hand to search the view. */
export function searchContext(session: Session, view: MailboxView): SearchContext {
  const { options, pace, signal, progress } = session;
  return { view, now: options.clock.now(), pace, signal, progress };
}

type Test = (message: MessageSummary) => boolean;

/** Those of the UIDs that fit the key, ascending. What is cheap to tell is looked at first, and texts only of what is left. */
export async function evaluate(
  context: SearchContext,
  key: SearchKey,
  uids: readonly number[],
): Promise<readonly number[]> {
  if (uids.length === 0) return uids;
  context.signal.throwIfAborted();
  const { mailbox } = context.view;
  if (key.kind === "flag") return common(uids, mailbox.uidsByFlag(key.flag, true));
  if (key.kind === "not" && key.key.kind === "flag") return common(uids, mailbox.uidsByFlag(key.key.flag, false));
  const test = compile(context, key);
  if (test !== undefined) return await filter(context, test, uids);
  switch (key.kind) {
    case "all":
      return uids;
    case "sequence": {
      const { view } = context;
      if (key.uid && key.set !== "$") return membersIn(uids, normaliseSet(key.set, view.uids.at(-1) ?? 0));
      if (key.set === "$") return common(uids, view.resolve("$", false));
      // Numbers beyond the last message are no error here (RFC 7377 section 2).
      return common(uids, numbersIn(view, key.set));
    }
    case "and": {
      let left = uids;
      for (const part of inOrderOfCost(key.keys)) left = await evaluate(context, part, left);
      return left;
    }
    case "or": {
      const first = await evaluate(context, key.keys[0], uids);
      const second = await evaluate(context, key.keys[1], without(uids, first));
      return [...first, ...second].sort((a, b) => a - b);
    }
    case "not":
      return without(uids, await evaluate(context, key.key, uids));
    case "text": {
      const found = await context.view.mailbox.searchText(key.where, key.needle, uids, context.signal);
      return uids.filter((uid) => found.has(uid));
    }
    default:
      throw new Error(`${key.kind} should have been compiled`);
  }
}

function numbersIn(view: MailboxView, set: SequenceSet): number[] {
  return normaliseSet(set, view.size).flatMap(([from, to]) => view.uids.slice(from - 1, to));
}

/** 0 for what no message need be looked at, 1 for the index, 2 for envelopes, 3 for texts. */
function cost(key: SearchKey): number {
  switch (key.kind) {
    case "all":
    case "sequence":
      return 0;
    case "text":
      return key.where === "body" || key.where === "text" ? 4 : 3;
    case "date":
      return key.of === "sent" ? 2 : 1;
    case "and":
    case "or":
      return Math.max(...key.keys.map(cost));
    case "not":
      return cost(key.key);
    default:
      return 1;
  }
}

function inOrderOfCost(keys: readonly SearchKey[]): SearchKey[] {
  const sorted = [...keys].sort((a, b) => cost(a) - cost(b));
  // Those that look at the index alone are one walk over it.
  const indexed = sorted.filter((key) => cost(key) === 1);
  if (indexed.length < 2) return sorted;
  const before = sorted.filter((key) => cost(key) < 1);
  return [...before, { kind: "and", keys: indexed }, ...sorted.filter((key) => cost(key) > 1)];
}

async function filter(context: SearchContext, test: Test, uids: readonly number[]): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < uids.length; i += BATCH) {
    for (const message of context.view.mailbox.summaries(uids.slice(i, i + BATCH)))
      if (test(message)) found.push(message.uid);
    context.progress?.at(i, uids.length);
    if (context.pace.due) await context.pace.yield();
    context.signal.throwIfAborted();
  }
  return found;
}

/** A test on a message's index row; undefined where the key needs more than that. */
function compile(context: SearchContext, key: SearchKey): Test | undefined {
  switch (key.kind) {
    case "and": {
      const tests = key.keys.map((part) => compile(context, part));
      return tests.every((test) => test !== undefined) ? (message) => tests.every((test) => test(message)) : undefined;
    }
    case "or": {
      const [first, second] = key.keys.map((part) => compile(context, part));
      return first && second && ((message) => first(message) || second(message));
    }
    case "not": {
      const test = compile(context, key.key);
      return test && ((message) => !test(message));
    }
    case "flag": {
      const wanted = key.flag.toLowerCase();
      // A store that gives messages with the same flags the same list is asked once for each list.
      const known = new Map<readonly string[], boolean>();
      return ({ flags }) => {
        let has = known.get(flags);
        if (has === undefined) known.set(flags, (has = flags.some((flag) => flag.toLowerCase() === wanted)));
        return has;
      };
    }
    case "recent":
      return (message) => context.view.isRecent(message.uid);
    case "size":
      return ({ size }) =>
        (key.above === undefined || size > key.above) && (key.below === undefined || size < key.below);
    case "age": {
      const { younger, older } = key;
      return ({ internalDate }) => {
        const age = (context.now - internalDate) / 1000;
        return (younger === undefined || age <= younger) && (older === undefined || age >= older);
      };
    }
    case "date":
      return (message) => isWithin(dateOf(context.view, message, key.of), key.from, key.before);
    case "modSeq":
      return (message) => message.modSeq >= key.from;
    case "objectId":
      return (message) => message[key.of] === key.id;
    default:
      return undefined;
  }
}

function isWithin(time: number, from: number | undefined, before: number | undefined): boolean {
  return (from === undefined || time >= from) && (before === undefined || time < before);
}

/** The begin of the day that counts (RFC 9051 section 6.4.4: "disregarding time and timezone"). */
function dateOf(view: MailboxView, message: MessageSummary, of: "internal" | "saved" | "sent"): number {
  const day = (time: number) => time - (((time % DAY) + DAY) % DAY);
  if (of === "internal") return day(message.internalDate);
  if (of === "saved") return day(message.saveDate);
  return parseEnvelopeDate(view.mailbox.envelopes([message.uid])[0] ?? "") ?? day(message.internalDate);
}

import { Failure } from "../../foundation/failure.ts";
import type { Handler } from "../dispatch.ts";
import { type FetchItem, isReadItem, type PlainItem, parseFetchItems, type ReadItem } from "../fetch-items.ts";
import { type IndexedItem, isIndexedItem, isLightItem, itemColumns } from "../indexed-items.ts";
import { previewOf } from "../preview.ts";
import { CommandFailure, failureReply } from "../reply.ts";
import { vanishedEarlier } from "../resync.ts";
import { cutRange, type PartialRange, parsePartialRange } from "../search/returns.ts";
import { readSection, type SectionOctets } from "../section-octets.ts";
import type { Session } from "../session.ts";
import type { Selected } from "../state.ts";
import type { MessageSummary } from "../store.ts";
import type { MailboxView } from "../view.ts";
import { formatString } from "../wire/format.ts";
import { ConnectionClosed } from "../wire/input.ts";
import { type Scanner, SyntaxFailure } from "../wire/scanner.ts";
import { membersIn } from "../wire/sequence-set.ts";

/** Messages of which the index is read at a time: a header, or an envelope made of it, may have some MiB (mime/limits.ts). */
const BATCH = 32;
/** The same where nothing but short columns is asked for: those are in memory, some hundred octets a message. */
const LIGHT_BATCH = 512;
/** Messages that are answered between two looks at the clock. */
const UNPACED = 32;
/** Messages whose octets are read ahead while the one before them is sent; each holds `limits.bufferedSection` at most. */
const AHEAD = 4;

interface FetchRequest {
  readonly uids: readonly number[];
  readonly items: readonly FetchItem[];
}

/** What is known of one message when its turn to be sent comes. */
type Prepared =
  | { readonly message: MessageSummary; readonly sections: readonly SectionOctets[] }
  | { readonly failure: unknown };

/**
 * RFC 9051 section 6.4.5, RFC 3501's RFC822 items, BINARY of RFC 3516, PREVIEW of RFC 8970, CHANGEDSINCE and VANISHED of RFC 7162, PARTIAL of RFC 9394. A message that cannot be read is left out,
 * the others come, and the command ends with NO.
 */
export const fetch: Handler<Selected> = async (session, { view }, args, uid) => {
  const { uids, items } = parseFetch(session, view, args, uid);
  const failures = await sendMessages(session, view, uids, items);
  const failed = failures.find((failure) => !(failure instanceof Failure && failure.code === "nonexistent"));
  if (failed !== undefined) throw failureReply(failed) ?? failed;
  if (!uid && uids.some((number) => view.isExpunged(number)))
    throw new CommandFailure("NO", "EXPUNGEISSUED", "some of the messages no longer exist");
  return "FETCH completed";
};

/** Sends a FETCH response for each of the messages that can be read, and marks them `\Seen` where the items say so; why the others cannot be. */
export async function sendMessages(
  session: Session,
  view: MailboxView,
  uids: readonly number[],
  items: readonly FetchItem[],
): Promise<readonly unknown[]> {
  const sections = items.filter(isReadItem);
  const failures: unknown[] = [];
  const seen: number[] = [];
  const run = { session, view, items, sections, failures, seen };
  const indexed = items.every(isIndexedItem);
  const size = items.every(isLightItem) ? LIGHT_BATCH : BATCH;
  for (let i = 0; i < uids.length; i += size) {
    const messages = [...view.mailbox.summaries(uids.slice(i, i + size))];
    session.output.write(view.flagsIfNew());
    if (indexed) await sendIndexed(run, messages);
    else await sendSections(run, messages);
  }
  if (seen.length > 0) await view.mailbox.changeFlags(seen, "add", ["\\Seen"]);
  return failures;
}

interface Run {
  readonly session: Session;
  readonly view: MailboxView;
  readonly items: readonly FetchItem[];
  readonly sections: readonly ReadItem[];
  readonly failures: unknown[];
  /** Messages that were sent and now become `\Seen`. */
  readonly seen: number[];
}

function parseFetch(session: Session, view: MailboxView, args: Scanner, uid: boolean): FetchRequest {
  args.space();
  const set = args.messageSet();
  args.space();
  const items = parseFetchItems(args, session.limits);
  let changedSince: number | undefined;
  let vanished = false;
  let partial: PartialRange | undefined;
  if (!args.atEnd) {
    args.space();
    args.list(() => {
      const modifier = args.keyword();
      if (modifier === "VANISHED" && uid && session.qresync) {
        vanished = true;
        return;
      }
      if (modifier === "PARTIAL" && uid && partial === undefined) {
        args.space();
        partial = parsePartialRange(args);
        return;
      }
      if (modifier !== "CHANGEDSINCE") throw new SyntaxFailure("unknown modifier");
      args.space();
      changedSince = args.modSequence();
    });
  }
  args.end();
  if (vanished && changedSince === undefined) throw new SyntaxFailure("VANISHED needs CHANGEDSINCE");
  const ask = (kind: PlainItem["kind"]) => {
    if (!items.some((item) => item.kind === kind)) items.unshift({ kind });
  };
  if (changedSince !== undefined) ask("MODSEQ");
  if (items.some((item) => item.kind === "MODSEQ")) session.enableCondStore();
  // UIDFETCH says it anyway: then only who asks for it hears it twice (RFC 9586 section 3.3).
  if (uid && !session.uidOnly) ask("UID");
  let uids: readonly number[] = view.resolve(set, uid);
  if (partial !== undefined) uids = cutRange(uids, partial);
  if (changedSince !== undefined) {
    const changed = view.mailbox.changedSince(changedSince);
    uids = membersIn(changed, runs(uids));
    if (vanished && set !== "$") session.output.write(vanishedEarlier(view, set, changedSince));
  }
  return { uids, items };
}

/** An ascending list as ranges. */
function runs(uids: readonly number[]): [number, number][] {
  const ranges: [number, number][] = [];
  for (const uid of uids) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === uid - 1) last[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}

/** Nothing has to be opened: the answers are put together as fast as they can be. */
async function sendIndexed(run: Run, messages: readonly MessageSummary[]): Promise<void> {
  const { session, view, items, failures, seen } = run;
  const { output, pace } = session;
  const format = itemsOf(run, messages, items.filter(isIndexedItem));
  const marksSeen = !view.readOnly && items.some((item) => item.kind === "section" && !item.peek);
  for (const [index, message] of messages.entries()) {
    const text = format(index);
    if (text === undefined) failures.push(new Failure("damaged", "a message cannot be read"));
    else {
      output.write(`${view.fetchStart(message.uid, session.uidOnly)}${text})\r\n`);
      if (marksSeen && !message.flags.includes("\\Seen")) seen.push(message.uid);
    }
    if (output.full) await output.flush();
    if (index % UNPACED === 0 && pace.due) await pace.yield();
  }
}

/** The indexed items of each message of the batch, in their order; undefined where it is damaged. */
function itemsOf(
  { session, view }: Run,
  messages: readonly MessageSummary[],
  items: readonly IndexedItem[],
): (index: number) => string | undefined {
  const batch = { session, view, messages, uids: messages.map(({ uid }) => uid) };
  const columns = itemColumns(items, batch);
  return (index) => {
    let text = "";
    for (const column of columns) {
      const value = column(index);
      if (value === undefined) return undefined;
      text += text === "" ? value : ` ${value}`;
    }
    return text;
  };
}

async function sendSections(run: Run, messages: readonly MessageSummary[]): Promise<void> {
  const ahead: Promise<Prepared>[] = [];
  const plain = itemsOf(
    run,
    messages,
    run.items.filter((item) => !isReadItem(item)),
  );
  let next = 0;
  const fill = () => {
    while (ahead.length < AHEAD && next < messages.length) ahead.push(prepare(run, messages[next++] as MessageSummary));
  };
  try {
    let index = 0;
    for (fill(); ahead.length > 0; fill()) {
      const prepared = await (ahead.shift() as Promise<Prepared>);
      const text = plain(index++);
      if ("failure" in prepared) run.failures.push(prepared.failure);
      else await send(run, prepared.message, text, prepared.sections);
      if (run.session.pace.due) await run.session.pace.yield();
    }
  } finally {
    for (const prepared of await Promise.all(ahead)) if (!("failure" in prepared)) await release(prepared.sections);
  }
}

async function prepare({ session, view, sections }: Run, message: MessageSummary): Promise<Prepared> {
  const found: SectionOctets[] = [];
  try {
    if (session.options.damaged.has(view.mailbox, message.uid))
      throw new Failure("damaged", "a message cannot be read");
    for (const item of sections)
      found.push(
        item.kind === "preview"
          ? await readPreview(session, view, message, item.lazy)
          : await readSection(view.mailbox, message, item, session.limits.bufferedSection),
      );
    return { message, sections: found };
  } catch (failure) {
    await release(found);
    return { failure };
  }
}

async function readPreview(
  { options: { previews } }: Session,
  { mailbox }: MailboxView,
  { uid, emailId }: MessageSummary,
  lazy: boolean,
): Promise<SectionOctets> {
  let text = previews.get(emailId);
  if (text === undefined) {
    if (lazy) return { kind: "none" };
    text = await previewOf(mailbox, uid);
    previews.set(emailId, text);
  }
  return { kind: "string", text };
}

/** Lets go of streams that were opened and will not be sent. */
async function release(sections: readonly SectionOctets[]): Promise<void> {
  for (const octets of sections) if (octets.kind === "stream") await octets.pieces[Symbol.asyncIterator]().return?.();
}

async function send(
  run: Run,
  message: MessageSummary,
  plain: string | undefined,
  sections: readonly SectionOctets[],
): Promise<void> {
  const { session, view, seen } = run;
  const { output } = session;
  if (plain === undefined) {
    run.failures.push(new Failure("damaged", "a message cannot be read"));
    return await release(sections);
  }
  output.write(`${view.fetchStart(message.uid, session.uidOnly)}${plain}`);
  let separator = plain === "" ? "" : " ";
  for (const [index, item] of run.sections.entries()) {
    output.write(`${separator}${item.label} `);
    separator = " ";
    await sendOctets(run, message, sections[index] as SectionOctets);
  }
  output.write(")\r\n");
  if (!view.readOnly && !message.flags.includes("\\Seen") && run.sections.some((item) => !item.peek))
    seen.push(message.uid);
  if (output.full) await output.flush();
}

async function sendOctets({ session, view }: Run, message: MessageSummary, octets: SectionOctets): Promise<void> {
  const { output } = session;
  switch (octets.kind) {
    case "none":
      return output.write("NIL");
    case "text":
      return output.write(`{${octets.text.length}}\r\n${octets.text}`);
    case "string":
      return output.write(formatString(octets.text));
    case "number":
      return output.write(String(octets.value));
    case "bytes":
      output.write(`${octets.literal8 === true ? "~" : ""}{${octets.bytes.length}}\r\n`);
      return await output.octets(octets.bytes);
    case "stream": {
      output.write(`${octets.literal8 === true ? "~" : ""}{${octets.size}}\r\n`);
      let left = octets.size;
      try {
        for await (const piece of octets.pieces) {
          left -= piece.length;
          if (left < 0) break;
          await output.octets(piece);
        }
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
      }
      if (left === 0) return;
      // So many octets were promised: nothing but the end of the connection can take that back.
      session.options.damaged.add(view.mailbox, message.uid);
      session.options.logger("warn", "imap.message-broke-off");
      session.hangUp();
      throw new ConnectionClosed("a message broke off");
    }
  }
}

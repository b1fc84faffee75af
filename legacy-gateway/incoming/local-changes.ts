import { setImmediate } from "node:timers/promises";
import type { ImapFlow } from "imapflow";
import { Failure } from "../../foundation/failure.ts";
import { formatUids } from "../../imap-client/uids.ts";
import { STORE_BATCH } from "../limits.ts";
import type { LocalMailbox } from "../ports.ts";
import { applied, difference, type FlagDifference, formatFlags, isNothing, parseFlags, sharedFlags } from "./flags.ts";
import type { LedgerFolder, LedgerLetter } from "./ledger.ts";
import { fittingFlags } from "./remote-flags.ts";
import type { SyncContext } from "./sync-context.ts";

/**
 * Tells the provider what was changed here since the last time: flags, letters moved to another folder of the account,
 * letters removed. The folder is selected. Nothing that did not come from the provider is ever told to it.
 */
export async function pushLocalChanges(
  context: SyncContext,
  client: ImapFlow,
  folder: LedgerFolder,
  mailbox: LocalMailbox,
): Promise<void> {
  const { ledger, db } = context;
  const upTo = mailbox.status().highestModSeq;
  if (upTo === folder.localModSeq) return;
  await pushFlags(context, client, folder, mailbox, mailbox.changedSince(folder.localModSeq));
  const gone = goneLetters(context, folder, mailbox);
  if (gone.length > 0) await pushGone(context, client, folder, gone);
  await db.commit(() => ledger.setLocalModSeq(folder.id, upTo));
}

async function pushFlags(
  { ledger, db }: SyncContext,
  client: ImapFlow,
  folder: LedgerFolder,
  mailbox: LocalMailbox,
  changed: readonly number[],
): Promise<void> {
  const fitting = fittingFlags(mailbox);
  const storable = storableFlags(client);
  const groups = new Map<
    string,
    { readonly change: FlagDifference; readonly letters: { uid: number; after: string }[] }
  >();
  for (let at = 0; at < changed.length; at += STORE_BATCH) {
    await setImmediate();
    for (const { uid: localUid, flags } of mailbox.summaries(changed.slice(at, at + STORE_BATCH))) {
      const letter = ledger.byLocalUid(folder.id, localUid);
      if (letter === undefined) continue;
      const before = parseFlags(letter.flags);
      const { add, remove } = difference(before, fitting([...sharedFlags(flags).values()]));
      const change = { add: add.filter(storable), remove: remove.filter(storable) };
      if (isNothing(change)) continue;
      const key = `${change.add.join(" ")}|${change.remove.join(" ")}`;
      const after = formatFlags(applied(before, change));
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { change, letters: [{ uid: letter.uid, after }] });
      else group.letters.push({ uid: letter.uid, after });
    }
  }
  for (const { change, letters } of groups.values())
    for (let at = 0; at < letters.length; at += STORE_BATCH) {
      const some = letters.slice(at, at + STORE_BATCH).sort((a, b) => a.uid - b.uid);
      const range = formatUids(some.map(({ uid }) => uid));
      const options = { uid: true, silent: true };
      if (change.add.length > 0) await client.messageFlagsAdd(range, [...change.add], options);
      if (change.remove.length > 0) await client.messageFlagsRemove(range, [...change.remove], options);
      requireStanding(client);
      await db.commit(() => {
        for (const { uid, after } of some) ledger.setFlags(folder.id, uid, after);
      });
    }
}

/** Which flags the provider keeps in the selected folder (PERMANENTFLAGS, RFC 9051 section 7.1). */
function storableFlags(client: ImapFlow): (flag: string) => boolean {
  const permanent = client.mailbox === false ? undefined : client.mailbox.permanentFlags;
  if (permanent === undefined) return () => true;
  const known = new Set([...permanent].map((flag) => flag.toLowerCase()));
  return (flag) => known.has(flag.toLowerCase()) || (!flag.startsWith("\\") && known.has("\\*"));
}

/**
 * imapflow says `false` both where the provider refuses a command and where the connection has ended in the middle of it;
 * of the latter nobody knows whether it was carried out, so that nothing may be noted. @throws Failure unavailable
 */
function requireStanding(client: ImapFlow): void {
  if (!client.usable) throw new Failure("unavailable", "the provider ended the connection");
}

function goneLetters({ ledger }: SyncContext, folder: LedgerFolder, mailbox: LocalMailbox): LedgerLetter[] {
  const expunged = mailbox.expungedSince(folder.localModSeq);
  if (expunged !== undefined) return expunged.flatMap((uid) => ledger.byLocalUid(folder.id, uid) ?? []);
  const here = new Set(mailbox.uids());
  return ledger.bound(folder.id).flatMap(({ uid, localUid }) => {
    const letter = here.has(localUid) ? undefined : ledger.letter(folder.id, uid);
    return letter === undefined ? [] : [letter];
  });
}

async function pushGone(
  context: SyncContext,
  client: ImapFlow,
  folder: LedgerFolder,
  gone: readonly LedgerLetter[],
): Promise<void> {
  const removed: LedgerLetter[] = [];
  for (const letter of gone) {
    const place = whereTo(context, letter);
    if (place === undefined) removed.push(letter);
    else if (place.folder.id === folder.id)
      await context.db.commit(() => context.ledger.add(folder.id, { ...letter, localUid: place.localUid }));
    else await moveAtProvider(context, client, folder, letter, place);
  }
  await removeAtProvider(
    context,
    client,
    folder,
    removed.map(({ uid }) => uid),
  );
}

interface Place {
  readonly folder: LedgerFolder;
  readonly localUid: number;
}

/** Where a letter that left its mailbox is now, if that is another folder of the same account. */
function whereTo({ mail, ledger }: SyncContext, { messageId, size }: LedgerLetter): Place | undefined {
  if (messageId === undefined) return undefined;
  for (const folder of ledger.folders()) {
    const mailbox = mail.mailboxById(folder.mailbox);
    if (mailbox === undefined) continue;
    for (const letter of mailbox.summaries(mail.findByMessageId(mailbox.id, messageId)))
      if (letter.size === size && ledger.byLocalUid(folder.id, letter.uid) === undefined)
        return { folder, localUid: letter.uid };
  }
  return undefined;
}

async function moveAtProvider(
  { ledger, db }: SyncContext,
  client: ImapFlow,
  folder: LedgerFolder,
  letter: LedgerLetter,
  { folder: target, localUid }: Place,
): Promise<void> {
  const moved = await client.messageMove(String(letter.uid), target.path, { uid: true });
  if (moved === false) requireStanding(client);
  const newUid = moved === false ? undefined : moved.uidMap?.get(letter.uid);
  await db.commit(() => {
    if (moved === false) ledger.unbind(folder.id, letter.uid);
    else if (newUid === undefined || ledger.letter(target.id, newUid) !== undefined)
      // Without UIDPLUS (RFC 4315) the provider does not say what it is called now: it is found again by its content.
      ledger.orphan(folder, letter.uid, "moved", { mailbox: target.mailbox, localUid });
    else {
      ledger.forget(folder.id, letter.uid);
      ledger.add(target.id, { ...letter, uid: newUid, localUid });
    }
  });
}

/**
 * Removes letters from the selected folder. Without UIDPLUS (RFC 4315) they are marked alone: EXPUNGE would take along
 * what other programs have marked.
 */
export async function removeAtProvider(
  { ledger, db }: SyncContext,
  client: ImapFlow,
  folder: LedgerFolder,
  uids: readonly number[],
): Promise<void> {
  const sorted = [...uids].sort((a, b) => a - b);
  const expunges = client.capabilities.has("UIDPLUS") || client.capabilities.has("IMAP4rev2");
  for (let at = 0; at < sorted.length; at += STORE_BATCH) {
    const some = sorted.slice(at, at + STORE_BATCH);
    const range = formatUids(some);
    const done = expunges
      ? await client.messageDelete(range, { uid: true })
      : await client.messageFlagsAdd(range, ["\\Deleted"], { uid: true, silent: true });
    if (!done) requireStanding(client);
    await db.commit(() => {
      for (const uid of some) {
        if (done && expunges) ledger.forget(folder.id, uid);
        else ledger.unbind(folder.id, uid);
      }
    });
  }
}

import { type AddressLabel, formatAddress } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import type { Maildir } from "../../maildir/store.ts";
import type { LetterFailure, OverlayEvent, WaitReason } from "../../overlay-adapter/events.ts";
import { WAIT_LIMIT } from "../../overlay-adapter/limits.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import { type Account, OWN_LOCAL_PART } from "../account.ts";
import { fileNotice } from "../notices/file-notice.ts";
import { type DeliveryReport, formatDeliveryReport } from "./delivery-report.ts";
import { type DsnRequest, dsnRequest, forgetDsnRequests, type NotifyEvent } from "./dsn-request.ts";

const JOIN_ANEW = "Remove the contact (postern contacts --remove NAME), and accept a new invite.";

/** What a failed letter's DSN says: RFC 3463's status, and a sentence with the next step. */
const FAILURES: Readonly<Record<LetterFailure, readonly [status: string, explanation: string]>> = {
  gone: ["5.1.6", "The contact's queue is gone from the relay. If their bridge makes it anew, sending again works."],
  expired: ["5.4.7", "The contact's relay could not be reached, or had no room, for too long. Send it again later."],
  refused: ["5.7.1", "The contact was removed, frozen or revoked here."],
  unconfirmed: [
    "5.4.7",
    "A relay took it, but no device of the contact has fetched it in 80 days. Ask them on another way if they are there.",
  ],
  lost: [
    "5.7.5",
    "The contact's bridge lost its keys and could not open the letter, which is too old to be sent again by itself. Send it again.",
  ],
  superseded: [
    "5.7.1",
    "This installation was revoked or replaced by another one: it sends nothing any more. Send it from the other one.",
  ],
  "no-session": ["5.7.5", `There is no secure session with any of the contact's devices. ${JOIN_ANEW}`],
};

/** What a delayed letter's DSN says. */
const DELAYS: Readonly<Record<WaitReason | "unknown", readonly [status: string, explanation: string]>> = {
  relay: ["4.4.1", "The contact's relay cannot be reached. It is tried on for five days."],
  room: ["4.2.2", "The contact's queue at the relay is full: they have not fetched their mail for a while."],
  receipts: ["4.2.2", "The contact has not fetched the letters before it; it leaves when they have."],
  session: [
    "4.7.5",
    "The contact has not answered for so long that no letter can be sealed for them; it leaves when they do.",
  ],
  unknown: ["4.4.7", "It is still in the queue of this bridge, and is tried on."],
};

/** What a person is told of a letter that waits, or failed. */
export function explain(reason: LetterFailure | WaitReason): string {
  return { ...FAILURES, ...DELAYS }[reason][1];
}

const RELAYED = "The relay has it. The contact's bridge has not said yet that it came, and perhaps never says so.";
const DELIVERED = "A device of the contact has taken it.";

/** Longer than a letter waits, and than a failure is repeated. */
const LETTER_MEMORY = 120 * 24 * 3600 * 1000;

/** Octets of a letter that a DSN returns whole, where that is asked for (RFC 3461 section 6.2); of others, the header. */
const RETURNED_MAX = 1_048_576;
/** Octets of a header that a DSN returns. */
const RETURNED_HEADER_MAX = 65_536;

/** What a DSN must know of a letter that was taken, by the overlay's letter id. */
export function rememberLetter(
  db: Database,
  letter: { id: Uint8Array; messageId: string; envid: string | undefined; sentAt: number },
): void {
  db.sqlite
    .prepare("INSERT INTO letter VALUES (?, ?, ?, ?)")
    .run(letter.id, letter.messageId, letter.envid ?? null, letter.sentAt);
}

/** Forgets letters to which nothing can happen any more. */
export function forgetOldLetters(db: Database, now: number): void {
  db.sqlite.prepare("DELETE FROM letter WHERE sent_at < ?").run(now - LETTER_MEMORY);
  forgetDsnRequests(db, now - LETTER_MEMORY);
}

export interface ReportParts {
  readonly db: Database;
  readonly maildir: Maildir;
  readonly overlay: Overlay;
  readonly account: Account;
  petname(label: AddressLabel): string | undefined;
}

/** Files a DSN in INBOX for a letter that one recipient will never get, if its sender wants one, and settles it, in one transaction. */
export async function reportFailure(
  parts: ReportParts,
  { letter, to, reason, now }: { letter: Buffer; to: AddressLabel; reason: LetterFailure; now: number },
): Promise<void> {
  const [status, explanation] = FAILURES[reason];
  const settle = () => parts.overlay.settleFailure(letter, to);
  await report(parts, "failure", { letter, to, action: "failed", status, explanation, now }, settle);
}

/** The same for one that is delayed, relayed or delivered. */
export async function reportProgress(
  parts: ReportParts,
  { letter, to, progress, reason, now }: Progress & { now: number },
): Promise<void> {
  const settle = () => parts.overlay.settleProgress(letter, to, progress);
  if (progress === "delayed") {
    const [status, explanation] = DELAYS[reason ?? "unknown"];
    await report(parts, "delay", { letter, to, action: progress, status, explanation, now }, settle);
    return;
  }
  const [status, explanation] = progress === "relayed" ? ["2.0.0", RELAYED] : ["2.1.5", DELIVERED];
  await report(parts, "success", { letter, to, action: progress, status, explanation, now }, settle);
}

export type Progress = Omit<Extract<OverlayEvent, { kind: "progress" }>, "kind" | "at">;

/** True if the sender wants to hear of this. */
export function isReported(db: Database, { letter, to, progress }: Progress): boolean {
  const asked = dsnRequest(db, letter, to)?.notify;
  return asked?.has(progress === "delayed" ? "delay" : "success") ?? false;
}

async function report(
  parts: ReportParts,
  event: NotifyEvent,
  about: Pick<DeliveryReport, "action" | "status" | "explanation" | "now"> & { letter: Buffer; to: AddressLabel },
  settle: () => void,
): Promise<void> {
  const { db, account } = parts;
  const { letter, to, ...rest } = about;
  const asked = dsnRequest(db, letter, to);
  if (!(asked?.notify.has(event) ?? event === "failure")) return await db.commit(settle);
  const known = db.sqlite.prepare("SELECT message_id, envid, sent_at FROM letter WHERE id = ?").get(letter) as
    | { message_id: string; envid: string | null; sent_at: number }
    | undefined;
  const petname = parts.petname(to);
  const returned = asked === undefined ? undefined : await returnedContent(parts.maildir, asked, about.action);
  const sentAt = known?.sent_at ?? about.now;
  const content = formatDeliveryReport({
    ...rest,
    to: account.address,
    recipient: asked?.address ?? formatAddress(OWN_LOCAL_PART, to),
    explanation: petname === undefined ? about.explanation : `${about.explanation} (You call them ${petname}.)`,
    originalMessageId: known?.message_id ?? "<unknown@postern.alt>",
    ...(known?.envid !== null && known?.envid !== undefined && { envid: known.envid }),
    ...(asked?.originalRecipient !== undefined && { originalRecipient: asked.originalRecipient }),
    ...(about.action === "delayed" && { retryUntil: sentAt + WAIT_LIMIT }),
    ...(returned !== undefined && { returned }),
    sentAt,
  });
  await fileNotice(parts, { content, now: about.now }, settle);
}

/** The whole letter for a failure where RET=FULL asked for it, else its header; undefined if its copy is gone from Sent. */
export async function returnedContent(
  maildir: Maildir,
  { ret, mailboxId, uid }: Pick<DsnRequest, "ret" | "mailboxId" | "uid">,
  action: DeliveryReport["action"],
): Promise<DeliveryReport["returned"]> {
  const mailbox = maildir.mailboxById(mailboxId);
  const [copy] = mailbox?.summaries([uid]) ?? [];
  if (mailbox === undefined || copy === undefined) return undefined;
  const whole = action === "failed" && ret === "full" && copy.size <= RETURNED_MAX;
  const pieces: Uint8Array[] = [];
  for await (const piece of mailbox.read(uid, 0, whole ? copy.size : Math.min(copy.size, RETURNED_HEADER_MAX)))
    pieces.push(piece);
  const content = Buffer.concat(pieces);
  if (whole) return { whole, content };
  const end = content.indexOf("\r\n\r\n");
  return end < 0 ? undefined : { whole, content: content.subarray(0, end + 2) };
}

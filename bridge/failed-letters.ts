import { type AddressLabel, formatAddress } from "../foundation/address.ts";
import type { Database } from "../foundation/database.ts";
import type { Maildir } from "../maildir/store.ts";
import type { LetterFailure } from "../overlay-adapter/events.ts";
import type { Overlay } from "../overlay-adapter/overlay.ts";
import { type Account, OWN_LOCAL_PART } from "./account.ts";
import { fileNotice } from "./file-notice.ts";
import { formatFailedDelivery } from "./notice.ts";

const JOIN_ANEW = "Remove the contact (postern contacts --remove NAME), and accept a new invite.";

/** What a failed letter's DSN says: RFC 3463's status, and a sentence with the next step. */
const REASONS: Readonly<Record<LetterFailure, readonly [status: string, explanation: string]>> = {
  gone: ["5.1.6", "The contact's queue is gone from the relay. If their bridge makes it anew, sending again works."],
  expired: ["5.4.7", "The contact's relay could not be reached, or had no room, for too long. Send it again later."],
  refused: ["5.7.1", "The contact was removed, frozen or revoked here."],
  "no-session": ["5.7.5", `There is no secure session with any of the contact's devices. ${JOIN_ANEW}`],
  lost: [
    "5.7.5",
    "The contact's bridge lost its keys and could not open the letter, which is too old to be sent again by itself. Send it again.",
  ],
  superseded: [
    "5.7.1",
    "This installation was revoked or replaced by another one: it sends nothing any more. Send it from the other one.",
  ],
};

/** Longer than a letter waits, and than a failure is repeated. */
const LETTER_MEMORY = 60 * 24 * 3600 * 1000;

/** What a DSN must know of a letter that was taken, by the overlay's letter id. */
export function rememberLetter(
  db: Database,
  letter: { id: Uint8Array; messageId: string; envid: string | undefined; sentAt: number },
): void {
  db.sqlite
    .prepare("INSERT INTO letter VALUES (?, ?, ?, ?)")
    .run(letter.id, letter.messageId, letter.envid ?? null, letter.sentAt);
}

/** Forgets letters that cannot fail any more. */
export function forgetOldLetters(db: Database, now: number): void {
  db.sqlite.prepare("DELETE FROM letter WHERE sent_at < ?").run(now - LETTER_MEMORY);
}

/** Files a DSN in INBOX for a letter that one recipient will never get, and settles it, in one transaction. */
export async function bounceLetter(
  parts: {
    db: Database;
    maildir: Maildir;
    overlay: Overlay;
    account: Account;
    petname(label: AddressLabel): string | undefined;
  },
  failure: { letter: Buffer; to: AddressLabel; reason: LetterFailure; now: number },
): Promise<void> {
  const { db, maildir, overlay, account } = parts;
  const known = db.sqlite.prepare("SELECT message_id, envid, sent_at FROM letter WHERE id = ?").get(failure.letter) as
    | { message_id: string; envid: string | null; sent_at: number }
    | undefined;
  const [status, explanation] = REASONS[failure.reason];
  const address = formatAddress(OWN_LOCAL_PART, failure.to);
  const petname = parts.petname(failure.to);
  const notification = formatFailedDelivery({
    to: account.address,
    recipient: address,
    status,
    explanation: petname === undefined ? explanation : `${explanation} (You call them ${petname}.)`,
    originalMessageId: known?.message_id ?? "<unknown@postern.alt>",
    ...(known?.envid !== null && known?.envid !== undefined && { envid: known.envid }),
    sentAt: known?.sent_at ?? failure.now,
    now: failure.now,
  });
  await fileNotice({ db, maildir }, { content: notification, now: failure.now }, () =>
    overlay.settleFailure(failure.letter, failure.to),
  );
}

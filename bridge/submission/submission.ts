import { randomBytes } from "node:crypto";
import { type AddressLabel, formatAddress, parseAddress } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import { type Content, inPieces, withHead } from "../../foundation/content.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import { LEGACY_KEYWORD } from "../../legacy-gateway/incoming/incoming-letter.ts";
import {
  type LegacyRoad,
  type PreparedLegacyLetter,
  RoadRefusal,
  type SendingAccount,
} from "../../legacy-gateway/outgoing/road.ts";
import type { Aliases } from "../../legacy-gateway/upgrade/aliases.ts";
import type { Maildir, StagedMessage } from "../../maildir/store.ts";
import type { Overlay, PreparedLetter } from "../../overlay-adapter/overlay.ts";
import { type Recipient, SmtpReply, type Submission, type SubmissionSink } from "../../smtp-front/submission.ts";
import { type Account, OWN_LOCAL_PART } from "../account.ts";
import type { MailCommands } from "../by-mail/mail-commands.ts";
import { notAlone, submitCommand } from "../by-mail/submit-command.ts";
import { formatDeliveryReport } from "../reports/delivery-report.ts";
import { notifyEvents, rememberDsnRequests } from "../reports/dsn-request.ts";
import { rememberLetter } from "../reports/letter-reports.ts";
import { translateOutgoing, underDomain } from "../translate/outgoing.ts";
import { hidesMessageId } from "../upgrade/known-ids.ts";
import { introduceCoRecipients } from "./co-recipients.ts";
import { forkContent } from "./fork-content.ts";
import { type RouteParts, routeRecipient } from "./recipient-check.ts";
import { roadFields } from "./road-fields.ts";
import type { SentCopies } from "./sent-copies.ts";
import { type StagedSentCopy, stageSentCopy } from "./sent-copy.ts";
import { sentMailbox } from "./sent-mailbox.ts";

export interface SubmissionOptions {
  readonly db: Database;
  readonly account: Account;
  readonly maildir: Maildir;
  readonly overlay: Overlay;
  readonly sentCopies: SentCopies;
  /** The old road; where absent, old addresses are refused. */
  readonly legacy?: LegacyRoad;
  /** Old addresses of contacts. */
  readonly aliases?: Pick<Aliases, "of">;
  /** Takes letters to the bridge itself. */
  readonly commands: MailCommands;
  /** Hides the mail program's own Message-IDs; 32 bytes. */
  readonly messageIdKey: Uint8Array;
  /** Contacts whom a letter shows to each other are introduced. */
  readonly introduces: boolean;
  readonly clock: Clock;
}

/** What fits into the overlay as binary is larger by a third, and by its line ends, as a mail program submits it. */
const BASE64_GROWTH = (4 / 3) * (78 / 76);

/**
 * Takes what a mail program submits: the sent copy, the outbox rows and a copy to oneself become durable in one
 * transaction, or nothing of it does.
 */
export function createSubmissionSink(options: SubmissionOptions): SubmissionSink {
  const { account, overlay, maildir, legacy } = options;
  return {
    sizeLimit: Math.min(Math.floor(overlay.sizeLimit * BASE64_GROWTH), maildir.appendLimit),
    async checkSender(address) {
      if (address !== "" && account.addressee(address).kind !== "self" && legacy?.isOwn(address) !== true)
        throw new SmtpReply(553, "5.7.1", `Not your address: send as ${account.address}`);
    },
    async checkRecipient({ address }, from) {
      routeRecipient(options, address, from);
    },
    async submit(submission) {
      try {
        return await submit(options, submission);
      } catch (error) {
        throw smtpFailure(storageFailure(error));
      }
    },
  };
}

/** Where a submission's copies go, each person once however many of the addresses are theirs. */
function routes(
  parts: RouteParts,
  submission: Submission,
): { self: Recipient | undefined; contacts: Map<AddressLabel, Recipient>; old: Recipient[]; bridge: boolean } {
  let bridge = false;
  const contacts = new Map<AddressLabel, Recipient>();
  const old = new Map<string, Recipient>();
  let self: Recipient | undefined;
  for (const recipient of submission.recipients) {
    const route = routeRecipient(parts, recipient.address, submission.from);
    if (route.kind === "bridge") bridge = true;
    else if (route.kind === "self") self ??= recipient;
    else if (route.kind === "legacy") old.set(recipient.address.toLowerCase(), recipient);
    else if (!contacts.has(route.label)) contacts.set(route.label, recipient);
  }
  return { self, contacts, old: [...old.values()], bridge };
}

async function submit(options: SubmissionOptions, submission: Submission): Promise<{ id: string }> {
  const { db, account, maildir, overlay, messageIdKey, clock, legacy, aliases } = options;
  const { self, contacts, old, bridge } = routes(options, submission);
  if (bridge) {
    if (self !== undefined || contacts.size > 0 || old.length > 0) throw notAlone();
    return await submitCommand(options, submission);
  }
  const labels = [...contacts.keys()];
  const now = clock.now();
  const sent = await sentMailbox(maildir);
  const inbox = maildir.mailbox("INBOX");
  if (inbox === undefined) throw new Error("there is no INBOX");

  let leaving: SendingAccount | undefined;
  const letter = await translateOutgoing(submission.content, {
    ownAddress: account.address,
    canonicalAddress: (mailbox) => account.canonicalAddress(mailbox),
    messageIdKey,
    ...(aliases && { isOwnMessageId: hidesMessageId({ aliases, maildir }, labels) }),
    idDomain(fields) {
      if (old.length > 0) leaving = legacy?.accountFor(fields, submission.from);
      return labels.length === 0 && self === undefined ? leaving && domainOf(leaving.address) : undefined;
    },
    now,
  });
  const sender = leaving;
  // Where all are written to as what they are, the fields would say no more than To.
  const tellsRoads = sender !== undefined || [...contacts.values()].some(({ address }) => isOldAddress(address));
  const roads = (): Buffer =>
    roadFields({
      overlay: labels.map((label) => formatAddress(OWN_LOCAL_PART, label)),
      old: old.map((recipient) => recipient.address),
      oldSender: sender?.address ?? "",
      self: self !== undefined,
    });
  const work: {
    copy?: StagedSentCopy;
    toSelf?: StagedMessage;
    report?: StagedMessage;
    prepared?: PreparedLetter;
    toOld?: PreparedLegacyLetter;
  } = {};
  let uid = 0;
  try {
    await forkContent(letter.body, [
      async (body) => {
        const header = tellsRoads ? Buffer.concat([roads(), letter.sentHeader]) : letter.sentHeader;
        work.copy = await stageSentCopy(options, { sent, letter, header, body, now });
      },
      ...(self !== undefined
        ? [
            async (body: Content) => {
              const content = withHead(letter.selfHeader, body);
              work.toSelf = await maildir.stage(content, { mailboxId: inbox.id, internalDate: now });
            },
          ]
        : []),
      ...(labels.length > 0
        ? [
            async (body: Content) => {
              work.prepared = await overlay.prepare(letter.overlayMessage(body));
            },
          ]
        : []),
      ...(legacy !== undefined && sender !== undefined
        ? [
            async (body: Content) => {
              const messageId = underDomain(letter.messageId.slice(1, -1), domainOf(sender.address));
              const recipients = old.map(({ address }) => address);
              work.toOld = await legacy.prepare(sender, {
                fields: letter.fields,
                body: inPieces(body),
                messageId,
                recipients,
              });
            },
          ]
        : []),
    ]);
    if (self !== undefined && notifyEvents(self, submission.from).includes("success")) {
      const report = deliveredToSelf(account, submission, self, letter.messageId, now);
      work.report = await maildir.stage(report, { mailboxId: inbox.id, internalDate: now });
    }
    const { copy, toSelf, report, prepared, toOld } = work;
    if (copy === undefined) throw new Error("the sent copy was not staged");
    await db.commit(() => {
      uid = copy.file(toOld === undefined ? [] : legacyKeywords(toOld));
      if (toSelf !== undefined) maildir.insert(inbox.id, toSelf, { flags: [], internalDate: now });
      if (report !== undefined) maildir.insert(inbox.id, report, { flags: [], internalDate: now });
      if (toOld !== undefined)
        legacy?.enqueue(toOld, {
          recipients: old.map((recipient) => ({
            address: recipient.address,
            originalRecipient: recipient.originalRecipient,
            notify: notifyEvents(recipient, submission.from),
          })),
          envid: submission.envid,
          ret: submission.ret,
          mailbox: sent.id,
          uid,
        });
      if (prepared !== undefined) {
        overlay.enqueue(prepared, labels);
        if (options.introduces) introduceCoRecipients(options, letter.sentHeader, labels);
        rememberLetter(db, { id: prepared.id, messageId: letter.messageId, envid: submission.envid, sentAt: now });
        rememberDsnRequests(
          db,
          { id: prepared.id, from: submission.from, ret: submission.ret, mailboxId: sent.id, uid, sentAt: now },
          [...contacts].map(([label, recipient]) => ({ label, recipient })),
        );
      }
    });
  } catch (error) {
    // A disk that fails here too must not hide why it came to this.
    await Promise.allSettled([
      work.copy?.discard(),
      work.toSelf && maildir.discard(work.toSelf),
      work.report && maildir.discard(work.report),
      work.prepared?.discard(),
      work.toOld && legacy?.discard(work.toOld),
    ]);
    throw error;
  }
  const { prepared, toOld } = work;
  // What others have got already cannot be taken back: of such a letter a report tells.
  const alone = labels.length === 0 && self === undefined;
  const takeBack = async (): Promise<void> => {
    await sent.expunge([uid]);
    await db.commit(() => {
      if (toOld !== undefined) legacy?.withdraw(toOld);
      options.sentCopies.forget(sent.id, uid);
    });
  };
  const refusal = toOld && (await legacy?.send(toOld, alone ? takeBack : undefined));
  if (refusal !== undefined) throw refusedReply(refusal);
  return { id: (prepared?.id ?? toOld?.content.letter ?? randomBytes(16)).toString("hex") };
}

/** What was written to oneself is delivered with its submission (RFC 3461 section 5.2.3). */
function deliveredToSelf(
  account: Account,
  { envid }: Submission,
  { address, originalRecipient }: Recipient,
  messageId: string,
  now: number,
): Buffer {
  return formatDeliveryReport({
    action: "delivered",
    to: account.address,
    recipient: address,
    ...(originalRecipient !== undefined && { originalRecipient }),
    status: "2.1.5",
    explanation: "It is in your INBOX.",
    originalMessageId: messageId,
    ...(envid !== undefined && { envid }),
    sentAt: now,
    now,
  });
}

function smtpFailure(error: unknown): unknown {
  if (!(error instanceof Failure)) return error;
  if (error.code === "full") return new SmtpReply(452, "4.3.1", error.message, { cause: error });
  if (error.code === "too-big") return new SmtpReply(552, "5.3.4", error.message, { cause: error });
  if (error instanceof RoadRefusal) return new SmtpReply(550, "5.7.1", error.message, { cause: error });
  if (error.code === "invalid") return new SmtpReply(554, "5.6.0", error.message, { cause: error });
  return new SmtpReply(451, "4.3.0", error.message, { cause: error });
}

/** The provider's own words, as if the mail program spoke to it itself. */
function refusedReply({
  status,
  words,
  server,
}: {
  readonly status: string;
  readonly words: string;
  readonly server: string;
}): SmtpReply {
  return new SmtpReply(550, status, `${server} does not take it: ${words.replace(/[^ -~]/g, "?")}`);
}

/** As letters of the old road carry them that come in. */
function legacyKeywords({ how }: PreparedLegacyLetter): readonly string[] {
  return [LEGACY_KEYWORD, ...(how === "encrypted" ? ["$Encrypted", "$Signed"] : ["$Plaintext"])];
}

function isOldAddress(address: string): boolean {
  return parseAddress(address)?.kind === "legacy";
}

function domainOf(address: string): string {
  return address.slice(address.lastIndexOf("@") + 1);
}

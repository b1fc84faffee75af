import { formatAddress } from "../foundation/address.ts";
import { Failure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Contacts } from "../keyring/contacts.ts";
import type { Maildir } from "../maildir/store.ts";
import { messageId } from "../mime/message-ids.ts";
import type { LetterReceiver, ReceivedLetter } from "../overlay-adapter/ports.ts";
import { type Account, OWN_LOCAL_PART } from "./account.ts";
import { formatNotice } from "./notices/notice.ts";
import { BodyHash } from "./submission/body-hash.ts";
import { MalformedOverlayMessage } from "./translate/container.ts";
import { translateIncoming, translateWhole } from "./translate/incoming.ts";
import type { Twins } from "./upgrade/twins.ts";

/** Keywords that tell the user in the mail program's list how a letter's sender became a contact. */
const STATE_KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  verified: ["$Verified"],
  introduced: ["$Introduced"],
};

export interface IncomingOptions {
  readonly account: Account;
  readonly contacts: Contacts;
  readonly maildir: Maildir;
  readonly logger: Logger;
  /** Of letters that come by e-mail, too. */
  readonly twins?: Twins;
}

/** Puts what the overlay delivers into INBOX, as the RFC 5322 message that mail programs read. */
export function createLetterReceiver({ account, contacts, maildir, logger, twins }: IncomingOptions): LetterReceiver {
  async function stage(letter: ReceivedLetter, content: ReceivedLetter["content"], flags: readonly string[]) {
    const inbox = maildir.mailbox("INBOX");
    if (inbox === undefined) throw new Error("there is no INBOX");
    const internalDate = letter.receivedAt;
    // Ids are the senders' choice, and all recipients of a letter know its id: one contact must not take another's name.
    const name = Buffer.concat([Buffer.from(letter.from, "latin1"), letter.id]);
    const watch = twins?.mayHave(letter.from) === true ? new BodyHash() : undefined;
    const staged = await maildir.stage(watched(content, watch), { name, mailboxId: inbox.id, internalDate });
    const body = watch?.digest();
    return () => {
      maildir.insert(inbox.id, staged, { flags, internalDate });
      const id = body && messageId(staged.header);
      if (body !== undefined && id !== undefined) twins?.arrived(letter.from, id, body);
    };
  }

  return {
    async receive(letter) {
      const contact = contacts.byLabel(letter.from);
      if (contact === undefined) throw new Failure("nonexistent", "a letter from somebody who is no contact");
      const { petname, state } = contact;
      const from = { address: formatAddress(OWN_LOCAL_PART, letter.from), petname };
      try {
        const { content } = letter;
        const context = { from, ownAddress: account.address, state, petname: account.petname.bind(account) };
        const message = Buffer.isBuffer(content)
          ? translateWhole(content, context)
          : translateIncoming(content, context);
        return await stage(letter, message, STATE_KEYWORDS[state] ?? []);
      } catch (error) {
        if (!(error instanceof MalformedOverlayMessage)) throw error;
        logger("warn", "a letter could not be translated", { reason: error.message });
        return await stage(letter, unreadable(account, petname, letter.receivedAt), []);
      }
    },
  };
}

/** The content, of which the hash is taken as it passes by. */
function watched(content: ReceivedLetter["content"], watch: BodyHash | undefined): ReceivedLetter["content"] {
  if (watch === undefined) return content;
  if (!Buffer.isBuffer(content)) return watch.watch(content);
  watch.push(content);
  return content;
}

/** Nothing vanishes in silence: the user learns that there was a letter. */
function unreadable(account: Account, petname: string, now: number): Buffer {
  return formatNotice({
    to: account.address,
    subject: "A letter could not be read",
    text: `${petname} sent a letter that this version of Postern cannot read, or that was made wrong on purpose.\nAsk ${petname} to send it again.`,
    now,
  });
}

import { createHash } from "node:crypto";
import { type Content, inPieces } from "../../foundation/content.ts";
import { SmtpReply, type Submission } from "../../smtp-front/submission.ts";
import { stageSentCopy } from "../submission/sent-copy.ts";
import { sentMailbox } from "../submission/sent-mailbox.ts";
import type { SubmissionOptions } from "../submission/submission.ts";
import { translateOutgoing } from "../translate/outgoing.ts";
import { type CommandLetter, readCommandLetter } from "./command-letter.ts";
import type { CommandRequest } from "./command-store.ts";
import { COMMAND_LETTER_MAX } from "./limits.ts";
import type { MailCommands } from "./mail-commands.ts";
import { understand } from "./understand.ts";

/**
 * A letter to the bridge itself goes to nobody else: what it says is the user's own business, and so is the answer, in
 * which secrets may stand. Doing it without a word to the others would lose their letter; so it is refused.
 */
export function notAlone(): SmtpReply {
  return new SmtpReply(
    550,
    "5.7.1",
    "A letter to postern@postern.alt is a command for your own bridge: send it to nobody else",
  );
}

/** Files the letter in Sent and takes its command, in one transaction; the same letter again changes nothing. */
export async function submitCommand(
  options: SubmissionOptions & { readonly commands: MailCommands },
  submission: Submission,
): Promise<{ id: string }> {
  const { db, account, maildir, messageIdKey, clock, commands } = options;
  const now = clock.now();
  const sent = await sentMailbox(maildir);
  const seen = new Head();
  const letter = await translateOutgoing(seen.watch(submission.content), {
    ownAddress: account.address,
    canonicalAddress: (mailbox) => account.canonicalAddress(mailbox),
    messageIdKey,
    now,
  });
  const { sentHeader: header, body } = letter;
  const copy = await stageSentCopy(options, { sent, letter, header, body, now });
  try {
    const words = await readCommandLetter(seen.bytes());
    // Programs do not command, and are not answered (RFC 3834 section 2).
    const obeyed = !words.automatic && submission.from !== "";
    const request = requestOf(words, account.label, [letter.originalMessageId, letter.messageId]);
    const key = createHash("sha256")
      .update(letter.originalMessageId ?? seen.digest())
      .digest();
    const taken = await db.commit(() => {
      if (obeyed && !commands.take(key, request)) return false;
      copy.file();
      return true;
    });
    if (!taken) await copy.discard();
    return { id: key.toString("hex", 0, 16) };
  } catch (error) {
    await Promise.allSettled([copy.discard()]);
    throw error;
  }
}

function requestOf(
  letter: CommandLetter,
  own: Parameters<typeof understand>[1],
  ids: readonly (string | undefined)[],
): CommandRequest {
  const { subject } = letter;
  // A link in the Subject is a secret, and an answer's Subject is ASCII.
  const shown = /^[ -~]{1,100}$/.test(subject) && !/postern:|\[[a-z2-7]{16,}\]/i.test(subject);
  return {
    command: understand(letter, own),
    ...(shown && { subject }),
    messageIds: [...new Set(ids.filter((id) => id !== undefined))],
  };
}

/** The first octets of what passes by, and a hash of all. */
class Head {
  readonly #pieces: Buffer[] = [];
  readonly #hash = createHash("sha256");
  #length = 0;

  async *watch(content: Content): AsyncGenerator<Uint8Array> {
    for await (const piece of inPieces(content)) {
      this.#hash.update(piece);
      if (this.#length < COMMAND_LETTER_MAX) {
        const kept = Buffer.from(piece.subarray(0, COMMAND_LETTER_MAX - this.#length));
        this.#pieces.push(kept);
        this.#length += kept.length;
      }
      yield piece;
    }
  }

  bytes(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Once all has passed. */
  digest(): Buffer {
    return this.#hash.digest();
  }
}

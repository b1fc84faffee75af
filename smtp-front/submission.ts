import type { Content } from "../foundation/content.ts";

/**
 * What the SMTP front needs behind it: somebody who knows the passwords, and somebody who takes the mail.
 * Declared here by the one that uses it. Refusals are thrown as SmtpReply; anything else thrown is a bug or a full
 * disk, and the client is told 451 or 452.
 */

/** A refusal in the protocol's own words: basic code, enhanced code (RFC 3463), text of one line. */
export class SmtpReply extends Error {
  override name = "SmtpReply";
  readonly code: number;
  readonly enhanced: string;

  constructor(code: number, enhanced: string, text: string, options?: ErrorOptions) {
    super(text, options);
    this.code = code;
    this.enhanced = enhanced;
  }
}

export interface SubmissionAuthenticator {
  /** The account's sink; undefined if user or password is wrong. @throws SmtpReply 454 4.7.0 where it cannot be told now */
  login(user: string, password: string): Promise<SubmissionSink | undefined>;
}

export interface Recipient {
  /** The forward-path's mailbox, as the client wrote it. */
  readonly address: string;
  /** RFC 3461 section 4.1: `never`, or any of the others; absent where the client did not say. */
  readonly notify?: readonly ("never" | "success" | "failure" | "delay")[];
  readonly originalRecipient?: string;
}

export interface Submission {
  /** The reverse-path's mailbox; empty for `<>`. */
  readonly from: string;
  readonly recipients: readonly Recipient[];
  /** RFC 3461 sections 4.3 and 4.4. */
  readonly ret?: "full" | "hdrs";
  readonly envid?: string;
  /** The message after dot-unstuffing, CRLF line ends as the client sent them. */
  readonly content: Content;
}

export interface SubmissionSink {
  /** Largest message in octets. */
  readonly sizeLimit: number;
  /** @throws SmtpReply 553 5.7.1 if the reverse-path is not the account's own */
  checkSender(address: string): Promise<void>;
  /** `from` is the reverse-path's mailbox. @throws SmtpReply 550 5.1.1 and others, truthfully, at RCPT */
  checkRecipient(recipient: Recipient, from: string): Promise<void>;
  /** Resolves when the message and its outbox rows are on disk; only then the client is told 250. The id goes into the reply. */
  submit(submission: Submission): Promise<{ readonly id: string }>;
}

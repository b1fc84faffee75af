import type { Clock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import { mailboxesIn } from "../../mime/address-list.ts";
import type { HeaderField } from "../../mime/header.ts";
import type { Account, Server } from "../accounts/account.ts";
import type { Accounts } from "../accounts/accounts.ts";
import { ANSWER_PATIENCE } from "../limits.ts";
import type { OutgoingWriter } from "../ports.ts";
import type { Refusal } from "../provider/smtp-connection.ts";
import type { FirstAnswers, TakeBack } from "./first-answers.ts";
import type { LegacyOutbox, LegacyRecipient, StagedContent } from "./outbox.ts";
import { outgoingHeader } from "./outgoing-header.ts";

/** Why an old address cannot be written to; the texts are for a 550 reply. */
export type RoadCheck = { readonly kind: "open" } | { readonly kind: "closed"; readonly why: string };

/** A letter may not leave, and why; the message is for a 550 reply. */
export class RoadRefusal extends Failure {
  constructor(why: string) {
    super("forbidden", why);
  }
}

/** The account that a letter leaves by. */
export type SendingAccount = Account & { readonly smtp: Server };

/** A letter whose content is durable, to be queued in the caller's transaction. */
export interface PreparedLegacyLetter {
  readonly account: SendingAccount;
  readonly content: StagedContent;
  /** With brackets. */
  readonly messageId: string;
  /** How it leaves: readable for providers or not. */
  readonly how: "encrypted" | "plain";
}

export interface LegacyRoadOptions {
  readonly accounts: Accounts;
  readonly outbox: LegacyOutbox;
  readonly answers: FirstAnswers;
  readonly write: OutgoingWriter;
  /** The writer can encrypt: what the account says of plain letters is for it to weigh. */
  readonly encrypts: boolean;
  /** Why nothing may go to that old address by e-mail, whoever writes what; the text is for a 550 reply. */
  readonly forbids?: ((recipient: string) => string | undefined) | undefined;
  readonly clock: Clock;
  /** Something waits for that account; false where nobody sends for it just now. */
  readonly wake: (account: number) => boolean;
  /** Milliseconds that a submission waits for the provider's word. */
  readonly answerPatience?: number | undefined;
}

/** The outbox's second road, as the submission sees it. */
export class LegacyRoad {
  readonly #options: LegacyRoadOptions;

  constructor(options: LegacyRoadOptions) {
    this.#options = options;
  }

  /** Whether the address is one of the user's old ones. */
  isOwn(address: string): boolean {
    return this.#options.accounts.byAddress(address) !== undefined;
  }

  /** Whether a letter from that address (an overlay address, or an old one) can leave to that old address at all. */
  check(from: string, to: string): RoadCheck {
    const forbidden = this.#options.forbids?.(to);
    if (forbidden !== undefined) return { kind: "closed", why: forbidden };
    const accounts = this.#candidates(from);
    if (accounts.some((account) => this.#closed(account) === undefined)) return { kind: "open" };
    const [first] = accounts;
    const why =
      first === undefined
        ? "An old e-mail address, and no legacy gateway is set up: nothing was sent in the clear"
        : this.#closed(first);
    return { kind: "closed", why: why ?? "" };
  }

  /**
   * The account that a letter leaves by: the one whose address it is from; else the only one there is.
   * @throws RoadRefusal, saying what to do
   */
  accountFor(fields: readonly HeaderField[], reversePath: string): SendingAccount {
    const from = fields.find(({ key }) => key === "from")?.value ?? "";
    for (const address of [...mailboxesIn(from).map(({ local, domain }) => `${local}@${domain}`), reversePath]) {
      const account = this.#options.accounts.byAddress(address);
      if (account !== undefined) return this.#open(account);
    }
    const all = this.#options.accounts.list().filter((account) => account.smtp !== undefined);
    const [only, ...more] = all;
    if (only === undefined || more.length > 0)
      throw new RoadRefusal(
        `an old address has to be written to from one of yours: put ${all.map(({ address }) => address).join(" or ") || "it"} into From`,
      );
    return this.#open(only);
  }

  /**
   * Makes of the letter what leaves, and writes it down. @throws RoadRefusal (the policy); Failure too-big (the
   * provider's limit), full; what the body throws
   */
  async prepare(
    account: SendingAccount,
    letter: {
      readonly fields: readonly HeaderField[];
      readonly body: AsyncIterable<Uint8Array>;
      /** Without brackets. */
      readonly messageId: string;
      readonly recipients: readonly string[];
    },
  ): Promise<PreparedLegacyLetter> {
    const { clock, write, outbox } = this.#options;
    const { fields, body, messageId, recipients } = letter;
    const header = outgoingHeader(fields, { from: account.address, messageId, now: clock.now() });
    const written = await write({ account, recipients, header, body });
    if (written.kind === "refused") throw new RoadRefusal(written.why);
    const content = await outbox.stage(written.content, (size) => {
      if (account.sizeLimit !== undefined && size > account.sizeLimit)
        throw new Failure(
          "too-big",
          `the provider of ${account.address} takes letters of at most ${Math.floor(account.sizeLimit / 1_000_000)} MB`,
        );
    });
    return { account, content, messageId: `<${messageId}>`, how: written.how };
  }

  /** Inside the transaction that files the user's own copy. */
  enqueue(
    { account, content, messageId }: PreparedLegacyLetter,
    submission: {
      readonly recipients: readonly LegacyRecipient[];
      readonly envid: string | undefined;
      readonly ret: "full" | "hdrs" | undefined;
      readonly mailbox: string;
      readonly uid: number;
    },
  ): void {
    const { recipients, ...rest } = submission;
    const { clock, outbox } = this.#options;
    const letter = { ...content, messageId, account: account.id, sender: account.address, since: clock.now() };
    outbox.enqueue({ ...letter, ...rest, copyWanted: account.sentCopy }, recipients);
  }

  /**
   * After the commit. Where `takeBack` is given and the provider refuses the whole letter at once, it leaves the outbox,
   * `takeBack` undoes the rest, and the refusal is returned. What else becomes of it is told by reports.
   */
  async send(
    { account, content }: PreparedLegacyLetter,
    takeBack: TakeBack | undefined,
  ): Promise<(Refusal & { readonly server: string }) | undefined> {
    const { answers, wake, answerPatience = ANSWER_PATIENCE } = this.#options;
    const answer = takeBack && answers.await(content.letter, answerPatience, takeBack);
    if (!wake(account.id)) await answers.tell(content.letter, undefined);
    const refusal = await answer;
    return refusal && { ...refusal, server: account.smtp.host };
  }

  /** Inside the caller's transaction: a letter that was queued is not to be sent after all. */
  withdraw({ content }: PreparedLegacyLetter): void {
    this.#options.outbox.withdraw(content.letter);
  }

  async discard({ content }: PreparedLegacyLetter): Promise<void> {
    this.#options.outbox.discard(content.letter);
  }

  #candidates(from: string): Account[] {
    const own = this.#options.accounts.byAddress(from);
    return own === undefined ? this.#options.accounts.list() : [own];
  }

  #open(account: Account): SendingAccount {
    const why = this.#closed(account);
    if (why !== undefined || account.smtp === undefined) throw new RoadRefusal(why ?? "");
    return { ...account, smtp: account.smtp };
  }

  #closed({ address, smtp, plain }: Account): string | undefined {
    if (smtp === undefined)
      return `Nothing was sent: no server is known that takes letters from ${address} (postern gateway add --smtp-host)`;
    if (plain !== "allowed" && !this.#options.encrypts)
      return `Nothing was sent: providers could read it, and ${address} may not send in the clear. To allow it: postern gateway plain ${address} allow`;
    return undefined;
  }
}

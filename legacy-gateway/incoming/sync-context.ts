import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { Account } from "../accounts/account.ts";
import type { IncomingReader, LocalMail, LocalMailbox } from "../ports.ts";
import type { Ledger } from "./ledger.ts";

/** What the folders of one account share. */
export interface SyncContext {
  readonly account: Account;
  readonly db: Database;
  readonly ledger: Ledger;
  readonly mail: LocalMail;
  readonly read: IncomingReader;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Marks what the gateway itself changes in the store. */
  readonly origin: object;
  /** The user has to know. */
  readonly notify: (subject: string, text: string) => void;
  /** A letter of the user's own that was filed when it was sent; its UID in the mailbox. */
  readonly ownCopy: (mailbox: LocalMailbox, messageId: string) => number | undefined;
}

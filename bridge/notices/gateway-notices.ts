import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import type { GatewayNotice } from "../../legacy-gateway/ports.ts";
import type { Maildir } from "../../maildir/store.ts";
import type { Account } from "../account.ts";
import { fileNotice } from "./file-notice.ts";
import { formatNotice } from "./notice.ts";

export interface NotifierParts {
  readonly db: Database;
  readonly account: Account;
  readonly maildir: Maildir;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Files in INBOX what the gateway has to tell the user, one after the other. */
export class GatewayNotices {
  readonly #parts: NotifierParts;
  #work: Promise<void> = Promise.resolve();

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  /** Resolves when what was told so far is filed. */
  async settled(): Promise<void> {
    await this.#work;
  }

  tell({ subject, text }: GatewayNotice): void {
    const { account, clock, logger } = this.#parts;
    const now = clock.now();
    const content = formatNotice({ to: account.address, subject, text, now });
    this.#work = this.#work
      .then(() => fileNotice(this.#parts, { content, now }))
      .catch((error: unknown) => {
        logger("error", "a notice of the gateway could not be filed", {
          cause: error instanceof Error ? (error.stack ?? "") : "",
        });
      });
  }
}

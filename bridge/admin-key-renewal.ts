import type { Clock } from "../foundation/clock.ts";
import type { Database, Schema } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";
import type { Identity } from "../keyring/identity.ts";
import { CERTIFICATE_GRACE } from "../keyring/limits.ts";
import type { Overlay } from "../overlay-adapter/overlay.ts";

const DAY = 24 * 3_600_000;
/** How often the certificate is looked at; milliseconds. */
const LOOK_INTERVAL = DAY;
/** Before its certificate ends the admin key is followed by another; contacts who are away for weeks learn of it in time. */
const RENEWED_BEFORE = 60 * DAY;
/** The user is asked for the words once at each of these, before the certificate's end. */
const ASKED_BEFORE: readonly number[] = [RENEWED_BEFORE, 14 * DAY, 2 * DAY];

export const adminKeySchema: Schema = {
  part: "bridge-admin-key",
  migrations: [
    "CREATE TABLE admin_key_asked (expires_at INTEGER PRIMARY KEY, before INTEGER NOT NULL) STRICT, WITHOUT ROWID",
  ],
};

export interface AdminKeyRenewalOptions {
  readonly db: Database;
  readonly identity: Identity;
  readonly overlay: Pick<Overlay, "announceState" | "active">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Files a notice for the user; `settle` runs in the same transaction. */
  readonly tell: (notice: { readonly subject: string; readonly text: string }, settle: () => void) => Promise<void>;
}

/**
 * The admin key is certified for a year. Where the paper key's seed is still in the vault the next one is made in time, and
 * every contact told; where only the paper has it, the user is asked to type the words.
 */
export class AdminKeyRenewal {
  readonly #o: AdminKeyRenewalOptions;
  #cancel: (() => void) | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: AdminKeyRenewalOptions) {
    this.#o = options;
    options.db.migrate(adminKeySchema);
  }

  /** Looks now, and then each day. */
  start(): void {
    this.#looking = this.#look().catch((error: unknown) =>
      this.#o.logger("error", "admin-key-not-renewed", { cause: String(error) }),
    );
    this.#cancel = this.#o.clock.after(LOOK_INTERVAL, () => this.start());
  }

  /** Resolves when the last look is over. */
  async looked(): Promise<void> {
    await this.#looking;
  }

  async stop(): Promise<void> {
    this.#cancel?.();
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { db, identity, overlay, clock } = this.#o;
    const now = clock.now();
    const { expiresAt } = identity.accountState().state.certificate;
    if (expiresAt - now > RENEWED_BEFORE || !identity.holdsAdminKey() || !overlay.active) return;
    const seed = identity.masterSeed();
    if (seed === undefined) return await this.#ask(expiresAt, now);
    db.transaction(() => {
      identity.renewAdminKey(seed, now);
      overlay.announceState();
    });
  }

  async #ask(expiresAt: number, now: number): Promise<void> {
    const { db, tell } = this.#o;
    const due = Math.min(...ASKED_BEFORE.filter((before) => expiresAt - now <= before));
    const asked = db.sqlite.prepare("SELECT before FROM admin_key_asked WHERE expires_at = ?").pluck().get(expiresAt);
    if (typeof asked === "number" && asked <= due) return;
    const [end, last] = [expiresAt, expiresAt + CERTIFICATE_GRACE].map((at) => new Date(at).toISOString().slice(0, 10));
    const text =
      `Once a year your paper key certifies the key that this installation signs with. That ends on ${end}, and the words\n` +
      "are no longer on this machine. Take the paper, and type them once:\n\n  postern paper-key --renew\n\n" +
      `Your contacts learn of it by themselves. After ${last} they take no change of your devices any more until you have done it.`;
    await tell({ subject: "Your paper key is needed once a year", text }, () =>
      db.sqlite.prepare("INSERT OR REPLACE INTO admin_key_asked VALUES (?, ?)").run(expiresAt, due),
    );
  }
}

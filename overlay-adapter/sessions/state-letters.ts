import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Outbox } from "../letters/outbox.ts";
import { controlLetter } from "../letters/prepared-letter.ts";
import type { OverlayIdentity } from "../ports.ts";
import { encodeControl } from "./control.ts";

export const stateLettersSchema: Schema = {
  part: "overlay-state",
  migrations: [
    `CREATE TABLE overlay_told_state (
       label TEXT PRIMARY KEY,
       letter BLOB NOT NULL
     ) STRICT, WITHOUT ROWID;`,
  ],
};

export interface StateLettersOptions {
  readonly db: Database;
  readonly identity: OverlayIdentity;
  readonly contacts: Contacts;
  readonly outbox: Outbox;
  readonly random: (length: number) => Buffer;
  readonly now: () => number;
}

/** Brings a changed account state to every contact. Synchronous, in the caller's transaction. */
export class StateLetters {
  readonly #o: StateLettersOptions;

  constructor(options: StateLettersOptions) {
    this.#o = options;
    options.db.migrate(stateLettersSchema);
  }

  /** The state has changed: a letter for each contact. Returns whom they are for. */
  tellAll(): AddressLabel[] {
    const labels = this.#o.contacts.list().map(({ label }) => label);
    for (const label of labels) this.#tell(label);
    return labels;
  }

  /** Tells those again whose letter came back, for instance because their relay was away for days. */
  tellAgain(): AddressLabel[] {
    const failed = this.#o.db.sqlite
      .prepare(
        `SELECT told.label FROM overlay_told_state AS told
         JOIN overlay_delivery AS delivery ON delivery.letter = told.letter AND delivery.label = told.label
         WHERE delivery.state = 'failed' AND delivery.reason IN ('expired', 'no-session')`,
      )
      .pluck()
      .all() as AddressLabel[];
    for (const label of failed) this.#tell(label);
    return failed;
  }

  remove(label: AddressLabel): void {
    this.#o.db.sqlite.prepare("DELETE FROM overlay_told_state WHERE label = ?").run(label);
  }

  #tell(label: AddressLabel): void {
    const { db, identity, outbox, random, now } = this.#o;
    const letter = controlLetter(encodeControl({ kind: "state", accountState: identity.accountState().bytes }), random);
    outbox.add(letter, [label], now());
    db.sqlite.prepare("INSERT OR REPLACE INTO overlay_told_state VALUES (?, ?)").run(label, letter.letter);
  }
}

import type { AddressLabel } from "../foundation/address.ts";
import type { Database, Schema } from "../foundation/database.ts";
import { Failure } from "../foundation/failure.ts";
import type { ContactState, Contacts } from "./contacts.ts";

export const contactFreezeSchema: Schema = {
  part: "contact-freeze",
  migrations: ["CREATE TABLE contact_freeze (label TEXT PRIMARY KEY, state TEXT NOT NULL) STRICT, WITHOUT ROWID"],
};

/** Contacts that the user froze, and what they were before. All methods are synchronous and join the caller's transaction. */
export class ContactFreeze {
  readonly #db: Database;
  readonly #contacts: Contacts;

  constructor(db: Database, contacts: Contacts) {
    this.#db = db;
    this.#contacts = contacts;
    db.migrate(contactFreezeSchema);
  }

  /** No error if it is frozen. @throws Failure nonexistent, forbidden where it is revoked */
  freeze(label: AddressLabel): void {
    this.#db.transaction(() => {
      const state = this.#state(label);
      if (state === "frozen") return;
      this.#contacts.setState(label, "frozen");
      this.#db.sqlite.prepare("INSERT OR REPLACE INTO contact_freeze VALUES (?, ?)").run(label, state);
    });
  }

  /**
   * As it was before the user froze it. A contact that froze by itself, because of a fork, comes back unverified: the
   * words that were compared said nothing about two states of one identity. @throws Failure nonexistent, forbidden
   */
  unfreeze(label: AddressLabel): void {
    this.#db.transaction(() => {
      if (this.#state(label) !== "frozen") throw new Failure("forbidden", "this contact is not frozen");
      const before = this.#db.sqlite.prepare("SELECT state FROM contact_freeze WHERE label = ?").pluck().get(label);
      const unverified = this.#contacts.byLabel(label)?.how === "introduction" ? "introduced" : "invited";
      this.#contacts.setState(label, (before as ContactState | undefined) ?? unverified);
      this.forget(label);
    });
  }

  forget(label: AddressLabel): void {
    this.#db.sqlite.prepare("DELETE FROM contact_freeze WHERE label = ?").run(label);
  }

  #state(label: AddressLabel): ContactState {
    const contact = this.#contacts.byLabel(label);
    if (contact === undefined) throw new Failure("nonexistent", "there is no such contact");
    return contact.state;
  }
}

import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import { ContactFreeze } from "../../keyring/contact-freeze.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Queues } from "../queues/queues.ts";
import type { Phrases } from "./phrases.ts";

export interface StandingOptions {
  readonly db: Database;
  readonly contacts: Contacts;
  readonly phrases: Phrases;
  readonly queues: Queues;
  /** Looks at an own queue's new state. */
  readonly read: (queue: number) => void;
  readonly wakeSender: (label: AddressLabel) => void;
}

/** What the user decides about a contact: verified, frozen for a while, or not any more. */
export class ContactStanding {
  readonly #o: StandingOptions;
  readonly #freeze: ContactFreeze;

  constructor(options: StandingOptions) {
    this.#o = options;
    this.#freeze = new ContactFreeze(options.db, options.contacts);
  }

  /** Letters that wait fail; what comes stays at the relay. @throws Failure nonexistent, forbidden */
  freeze(label: AddressLabel): void {
    this.#freeze.freeze(label);
    this.#lookAgain(label);
  }

  /** @throws Failure nonexistent, forbidden */
  unfreeze(label: AddressLabel): void {
    this.#freeze.unfreeze(label);
    this.#lookAgain(label);
  }

  /** @throws Failure nonexistent, unavailable, forbidden */
  verify(label: AddressLabel, words: string): boolean {
    const { contacts, phrases } = this.#o;
    const contact = contacts.byLabel(label);
    if (contact === undefined) throw new Failure("nonexistent", "there is no such contact");
    if (phrases.phrase(label) === undefined)
      throw new Failure("unavailable", `${contact.petname} has not answered yet: there is no safety phrase to compare`);
    if (contact.state === "frozen" || contact.state === "revoked")
      throw new Failure(
        "forbidden",
        `${contact.petname} is ${contact.state}: nothing can be verified before that is settled`,
      );
    if (!phrases.fits(label, words)) return false;
    contacts.setState(label, "verified");
    return true;
  }

  /** What goes with the contact; in the caller's transaction. */
  forget(label: AddressLabel): void {
    this.#freeze.forget(label);
    this.#o.phrases.remove(label);
  }

  #lookAgain(label: AddressLabel): void {
    for (const { id } of this.#o.queues.ownOf(label)) this.#o.read(id);
    this.#o.wakeSender(label);
  }
}

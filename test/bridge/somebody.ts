import { Account } from "../../bridge/account.ts";
import { type AddressLabel, formatAddress } from "../../foundation/address.ts";
import { encodeBase32 } from "../../foundation/base32.ts";
import { Database } from "../../foundation/database.ts";
import { type ContactState, Contacts } from "../../keyring/contacts.ts";
import { createIdentity } from "../../keyring/identity.ts";
import { fixedRandom, identityKey } from "../keyring/fixed-random.ts";

export const NOW = Date.UTC(2026, 10, 23);

/** The label of an identity that nobody has. */
export function someLabel(octet: number): AddressLabel {
  return encodeBase32(Buffer.alloc(32, octet)) as AddressLabel;
}

/** Somebody with an identity and one contact in each state, whose petname is the state's name. */
export class Somebody {
  readonly db = new Database(":memory:");
  readonly contacts: Contacts;
  readonly account: Account;

  constructor() {
    const device = { identityKey: identityKey("somebody"), registrationId: 1 };
    const identity = createIdentity(this.db, { now: NOW, random: fixedRandom("somebody"), device });
    this.contacts = new Contacts(this.db, { now: () => NOW, own: identity });
    this.account = new Account(identity, this.contacts);
    const states: ContactState[] = ["pending", "invited", "introduced", "verified", "frozen", "revoked"];
    for (const [index, state] of states.entries())
      this.contacts.add({ label: someLabel(index + 1), petname: state, state, how: "invite" });
  }

  addressOf(petname: string): string {
    const contact = this.contacts.byPetname(petname);
    if (contact === undefined) throw new Error(`${petname} is no contact`);
    return formatAddress("anything", contact.label);
  }

  close(): void {
    this.db.close();
  }
}

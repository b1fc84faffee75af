import { type AddressLabel, formatAddress, OVERLAY_DOMAIN, parseAddress } from "../foundation/address.ts";
import type { Contact, Contacts } from "../keyring/contacts.ts";
import type { Identity } from "../keyring/identity.ts";

/** The local part of the address that a bridge shows; any other one in front of the label reaches the same person. */
export const OWN_LOCAL_PART = "mail";

/** The bridge itself, as the sender of what it has to say. */
export const BRIDGE_ADDRESS = `postern@${OVERLAY_DOMAIN}`;

/** Whom an address names, as this user's bridge sees it. */
export type Addressee =
  | { readonly kind: "self" }
  | { readonly kind: "bridge" }
  | { readonly kind: "contact"; readonly contact: Contact }
  | { readonly kind: "stranger"; readonly label?: AddressLabel }
  | { readonly kind: "legacy" }
  | { readonly kind: "malformed" };

/** Old e-mail addresses of contacts. */
export interface OldAddresses {
  /** Whom letters to the address go to over the overlay; undefined where they go by e-mail. */
  moved(address: string): AddressLabel | undefined;
}

/** The user's own addresses and petnames, and what contacts' addresses mean. */
export class Account {
  readonly label: AddressLabel;
  readonly address: string;
  readonly #contacts: Contacts;
  readonly #oldAddresses: OldAddresses;

  constructor(identity: Identity, contacts: Contacts, oldAddresses: OldAddresses = { moved: () => undefined }) {
    this.#oldAddresses = oldAddresses;
    this.label = identity.label;
    this.address = identity.address(OWN_LOCAL_PART);
    this.#contacts = contacts;
  }

  /** True for the user name that `init` printed, its local part, or any address of the own label. */
  isUser(user: string): boolean {
    if (user.toLowerCase() === OWN_LOCAL_PART) return true;
    return this.addressee(user).kind === "self";
  }

  addressee(mailbox: string): Addressee {
    const parsed = parseAddress(mailbox);
    switch (parsed?.kind) {
      case undefined:
        return { kind: "malformed" };
      case "legacy": {
        const label = this.#oldAddresses.moved(mailbox);
        const contact = label === undefined ? undefined : this.#contacts.byLabel(label);
        return contact === undefined ? { kind: "legacy" } : { kind: "contact", contact };
      }
      case "identity": {
        if (parsed.label === this.label) return { kind: "self" };
        const contact = this.#contacts.byLabel(parsed.label);
        return contact === undefined ? { kind: "stranger", label: parsed.label } : { kind: "contact", contact };
      }
      case "petname": {
        if (mailbox.toLowerCase() === BRIDGE_ADDRESS) return { kind: "bridge" };
        const contact = this.#contacts.byPetname(parsed.petname);
        return contact === undefined ? { kind: "stranger" } : { kind: "contact", contact };
      }
    }
  }

  /** The one address under which everybody knows this mailbox's owner; undefined for who is not known here. */
  canonicalAddress(mailbox: string): string | undefined {
    const addressee = this.addressee(mailbox);
    if (addressee.kind === "self") return this.address;
    return addressee.kind === "contact" ? formatAddress(OWN_LOCAL_PART, addressee.contact.label) : undefined;
  }

  /** What the user calls the owner of an address; undefined for who is not known here. */
  petname(mailbox: string): string | undefined {
    const addressee = this.addressee(mailbox);
    return addressee.kind === "contact" ? addressee.contact.petname : undefined;
  }
}

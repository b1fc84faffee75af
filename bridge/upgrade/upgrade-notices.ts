import type { Contact } from "../../keyring/contacts.ts";
import type { Alias } from "../../legacy-gateway/upgrade/aliases.ts";
import type { Came, Offer } from "../../legacy-gateway/upgrade/offers.ts";
import { compareWords } from "../notices/contact-notice.ts";

/** Subjects are ASCII. */
export interface UpgradeNotice {
  readonly subject: string;
  readonly text: string;
}

/** How the invitation in a letter travelled, and what that is worth. */
const CAME: Readonly<Record<Came, string>> = {
  signed:
    "It came encrypted and signed by the OpenPGP key that you know for this address. If that key came in a letter, a\n" +
    "provider may have put its own one there.",
  encrypted:
    "It came encrypted, but not signed by a key that you know for this address: anybody who has your public key can have\n" +
    "written it.",
  clear:
    "It came in the clear. From is easily forged, and anybody on the way, above all a provider, can have put the\n" +
    "invitation there, or another one in its place.",
};

export interface OfferContext {
  /** A name that can be given. */
  readonly petname: string;
  /** What the inviter is called who is a contact already. */
  readonly inviter: string | undefined;
  /** To whom letters to the address go already. */
  readonly holder: string | undefined;
  /** There are other invitations that say they are from there. */
  readonly others: boolean;
}

/** An invitation came; nothing happens before the user accepts it. */
export function offerNotice(
  { id, address, came }: Offer,
  { petname, inviter, holder, others }: OfferContext,
): UpgradeNotice {
  const which = others ? `invitation-${id}` : address;
  const answers =
    `Accept:  postern gateway upgrade --accept ${which} --name ${petname}\nRefuse:  postern gateway upgrade --refuse ${which}\n\n` +
    `or write to postern@postern.alt: accept ${which} as ${petname}, or refuse ${which}`;
  if (holder !== undefined)
    return {
      subject: "Another invitation came for an address that has moved",
      text:
        `A letter from ${address} carries an invitation to the overlay that is not from ${holder}, to whom letters to this\n` +
        `address go. Nothing has changed. ${CAME[came]}\n\n` +
        `Ask ${holder} whether it is theirs. If it is, take the address back first (postern gateway upgrade --back ${address}). ${answers}`,
    };
  const doubt = others
    ? `\n\nAnother invitation came before that says it is from ${address}, too, and leads to somebody else: one of the two is\nforged. Ask them on another way before you accept either.`
    : "";
  const leads =
    inviter === undefined
      ? ""
      : `\n\nThe invitation leads to your contact ${inviter}: if ${address} is not theirs, refuse it.`;
  return {
    subject: "An old contact invites you to the overlay",
    text:
      `A letter from ${address} carries an invitation: once you accept it, letters between you two travel over the overlay,\n` +
      `where no provider reads them. You go on writing to ${address}.\n\n${CAME[came]}${doubt}${leads}\n\n${answers}\n\n` +
      "Nothing happens before you accept. Then the two of you see the same four words if nobody stands between you.",
  };
}

/** Letters to an old address go over the overlay from now on. */
export function movedNotice(
  { address, invited, came }: Alias,
  { petname, state }: Contact,
  phrase: string | undefined,
): UpgradeNotice {
  const how = invited
    ? came === "clear"
      ? "The invitation went in letters that anybody on the way could read: whoever read one first may have accepted it in\ntheir place."
      : "The invitation went encrypted to the OpenPGP key that you have for this address: whoever has that key has accepted it."
    : CAME[came].replace(/^It came/, "The invitation came");
  const known =
    state === "verified"
      ? ""
      : `\n\n${petname} is ${state}, not verified. ${how}\nBefore you write anything private, ${compareWords(petname, phrase)}`;
  return {
    subject: "An old contact has moved to the overlay",
    text:
      `Letters to ${address} travel over the overlay from now on, to your contact ${petname}. Write to ${address} or to\n` +
      `${petname}@postern.alt, it is the same; threads and your address book go on.${known}\n\n` +
      `Back to e-mail: postern gateway upgrade --back ${address}`,
  };
}

/** A second one has taken an invitation that was meant for one. */
export function rivalNotice({ address }: Alias, { petname }: Contact, holder: string | undefined): UpgradeNotice {
  const first = holder ?? "somebody else";
  return {
    subject: "Two have taken the invitation to one address",
    text:
      `${petname} has become your contact by an invitation to ${address}, after ${first}. Letters to ${address} still go to\n` +
      `${first}: one of the two is not who you meant. Ask on another way, and compare the four words with both\n` +
      `(postern verify ${petname}). Then: postern contacts --block NAME`,
  };
}

import { type AddressLabel, formatAddress } from "../../foundation/address.ts";
import type { Contact } from "../../keyring/contacts.ts";
import type { ToldEvent } from "../../overlay-adapter/events.ts";
import { OWN_LOCAL_PART } from "../account.ts";
import type { IdentityEvent } from "./identity-notice.ts";

export type ContactEvent = Exclude<ToldEvent, IdentityEvent>;

/** What the texts take of whom they speak. */
export interface ContactNoticeContext {
  contact(label: AddressLabel): Contact | undefined;
  safetyPhrase(label: AddressLabel): string | undefined;
  /** The old address that an invite was made for. */
  invitedAddress?(invite: string): string | undefined;
}

/** How two people find out whether somebody stands between them. */
export function compareWords(petname: string, phrase: string | undefined): string {
  return (
    `read these four words\nto each other on the telephone. Both of you must see the same:\n\n  ${phrase ?? "(not known yet)"}\n\n` +
    `Then: postern verify ${petname} --phrase "WORDS"\nIf they differ: postern contacts --block ${petname}`
  );
}

/** What the user reads of how contacts come about, with what to do next; undefined where they know already. Subjects are ASCII. */
export function contactNotice(
  event: ContactEvent,
  context: ContactNoticeContext,
): { readonly subject: string; readonly text: string } | undefined {
  const address = (label: AddressLabel) => formatAddress(OWN_LOCAL_PART, label);
  const name = (label: AddressLabel) => context.contact(label)?.petname ?? address(label);
  const compare = (label: AddressLabel) => compareWords(name(label), context.safetyPhrase(label));
  switch (event.kind) {
    case "contact-added": {
      // What took its time, and somebody else's, is told when it is done.
      const contact = context.contact(event.contact);
      if (contact === undefined || contact.how === "invite") return undefined;
      const { petname, state } = contact;
      return {
        subject: `You have a new contact: ${petname}`,
        text: `${petname} is your contact now (${state}). Write to ${petname}@postern.alt`,
      };
    }
    case "invite-burned":
      return {
        subject: "An invite was used twice",
        text:
          "Two people tried to use one of your invites. It is dead now, and nobody became a contact by the second try.\n" +
          "If somebody became a contact by the first try, ask on another way whether it is really them.",
      };
    case "invite-asks": {
      const invited = context.invitedAddress?.(event.invite);
      const by =
        invited === undefined
          ? "by the invite that you made"
          : `by the invitation in your\nletters to ${invited}. It went in the clear, so anybody on the way can have taken it`;
      return {
        subject: "Somebody accepted your invite",
        text:
          `Whoever has this address wants to be your contact ${by}:\n\n  ${address(event.contact)}\n\n` +
          "Ask the one whom you invited whether it is theirs (postern status shows it there). If so:\n\n" +
          `  postern invite --approve ${event.invite}\n\nIf not: postern invite --cancel ${event.invite}\n\n` +
          `or write to postern@postern.alt: accept ${event.invite}, or cancel ${event.invite}`,
      };
    }
    case "invite-used-twice": {
      const who = name(event.contact);
      return {
        subject: "An invite was used twice",
        text:
          `Somebody else tried to use the invite by which ${who} became your contact, and was refused. One of the two is not\n` +
          `who you meant. Until you know that it is ${who} who came first, write nothing private: ${compare(event.contact)}`,
      };
    }
    case "invite-alarm": {
      const who = name(event.contact);
      return {
        subject: "An invite was used twice",
        text:
          `Somebody else tried to use the invite by which you and ${who} became contacts, and was refused: the link was seen on its\n` +
          `way. Make sure that you two are the right ones: ${compare(event.contact)}`,
      };
    }
    case "phrase-broken": {
      const who = name(event.contact);
      return {
        subject: "A contact is not to be trusted",
        text:
          `The bridge of ${who} has broken the rules by which the two of you get the same safety phrase, as somebody in between\n` +
          `would. The contact is frozen: remove it (postern contacts --remove ${who}) and meet anew, best with \`postern pair\`.`,
      };
    }
    case "introduction-offered": {
      const by = name(event.introducer);
      return {
        subject: "Somebody is introduced to you",
        text:
          `${by} introduces ${event.name} to you${event.coRecipient ? ", who got the same letter" : ""}:\n\n  ${address(event.other)}\n\n` +
          `Accept:  postern introduce --accept ${event.introduction} --name NAME\nRefuse:  postern introduce --refuse ${event.introduction}\n\n` +
          `or write to postern@postern.alt: accept ${event.name} as NAME, or refuse ${event.name}\n\n` +
          `If both of you accept, you are contacts, "introduced by ${by}": you have only ${by}'s word for who it is until you have\ncompared your four words (postern verify).`,
      };
    }
    case "introduction-failed": {
      const by = name(event.introducer);
      return {
        subject: "An introduction was forged",
        text:
          `${by} introduced ${event.name} to you, but what came is not from that address. Nobody became a contact.\n` +
          `Ask ${by} on another way.`,
      };
    }
    case "pair-failed":
      return {
        subject: "A spoken code did not work",
        text: `The spoken code for ${event.name} is dead: ${event.text}.\n\nIf nobody mistyped it, somebody has tried to come between you.`,
      };
    case "join-failed":
      return { subject: "An invite could not be accepted", text: event.text };
  }
}

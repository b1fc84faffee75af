import type { AddressLabel } from "../../foundation/address.ts";
import type { Meetings, PendingIntroduction } from "../../overlay-adapter/contacts/meetings.ts";
import { SmtpReply } from "../../smtp-front/submission.ts";
import type { Account } from "../account.ts";

/** Where a letter for an accepted recipient goes. */
export type Route =
  | { readonly kind: "self" }
  /** A command, which the bridge carries out itself. */
  | { readonly kind: "bridge" }
  | { readonly kind: "contact"; readonly label: AddressLabel }
  /** By e-mail, through a provider. */
  | { readonly kind: "legacy" };

/** The old road as RCPT sees it: whether a letter from there to there can leave at all. */
export interface LegacyCheck {
  check(from: string, to: string): { readonly kind: "open" } | { readonly kind: "closed"; readonly why: string };
  isOwn(address: string): boolean;
}

export interface RouteParts {
  readonly account: Account;
  readonly overlay: { readonly meetings: Pick<Meetings, "introductions"> };
  readonly legacy?: LegacyCheck;
}

/** Answers truthfully whether mail for this address will be delivered. @throws SmtpReply saying what to do otherwise */
export function routeRecipient({ account, overlay, legacy }: RouteParts, address: string, from = ""): Route {
  const addressee = account.addressee(address);
  switch (addressee.kind) {
    case "self":
      return { kind: "self" };
    case "contact":
      switch (addressee.contact.state) {
        case "invited":
        case "introduced":
        case "verified":
          return { kind: "contact", label: addressee.contact.label };
        case "pending":
          throw new SmtpReply(
            450,
            "4.2.1",
            "This contact is not ready yet: the invite is still under way, try again later",
          );
        case "frozen":
          throw new SmtpReply(
            550,
            "5.7.1",
            "This contact is frozen because their identity changed in two ways at once: ask them, remove them (postern contacts --remove NAME), accept a new invite",
          );
        case "revoked":
          throw new SmtpReply(
            550,
            "5.7.1",
            "This contact was revoked: remove them (postern contacts --remove NAME) and accept a new invite",
          );
      }
    case "bridge":
      return { kind: "bridge" };
    case "stranger": {
      const introduction = overlay.meetings.introductions().find(({ other }) => other === addressee.label);
      if (introduction !== undefined) throw introduced(introduction);
      throw new SmtpReply(
        550,
        "5.1.1",
        "Not a contact of yours: ask them for an invite and use `postern accept INVITE --name NAME`",
      );
    }
    case "legacy": {
      const road = legacy?.check(from, address);
      if (road?.kind === "open") return { kind: "legacy" };
      throw new SmtpReply(
        550,
        "5.7.1",
        road?.why ?? "An old e-mail address, and no legacy gateway is set up: nothing was sent in the clear",
      );
    }
    case "malformed":
      throw new SmtpReply(553, "5.1.3", "Not an address: write NAME@postern.alt or the whole overlay address");
  }
}

/** They got the same letter, for instance, and this is an answer to all. */
function introduced({ name, state }: PendingIntroduction): SmtpReply {
  if (state !== "offered")
    return new SmtpReply(
      450,
      "4.2.1",
      `You have accepted the introduction to ${name}, and they have not yet: try again later`,
    );
  return new SmtpReply(
    550,
    "5.7.1",
    `Introduced to you as ${name}: accept first, with \`postern introduce --accept ${name}\` or a letter to postern@postern.alt: accept ${name}`,
  );
}

import type { AddressLabel } from "../../foundation/address.ts";
import type { OverlayEvent } from "../../overlay-adapter/events.ts";

const KINDS = [
  "contact-frozen",
  "device-replaced",
  "paper-needed",
  "copy-running",
  "superseded",
  "devices-changed",
  "own-fork",
] as const satisfies readonly OverlayEvent["kind"][];

export type IdentityEvent = Extract<OverlayEvent, { kind: (typeof KINDS)[number] }>;

export function isIdentityEvent(event: OverlayEvent): event is IdentityEvent {
  return KINDS.some((kind) => kind === event.kind);
}

const REVOKE =
  "Take the stolen\ndevice off your identity with the paper key: postern revoke --list, then postern revoke NUMBER.";

/** What the user reads of a change in who is who, with what to do next. Subjects are ASCII. */
export function identityNotice(
  event: IdentityEvent,
  name: (label: AddressLabel) => string,
): { readonly subject: string; readonly text: string } {
  switch (event.kind) {
    case "contact-frozen": {
      const who = name(event.contact);
      return {
        subject: "A contact is frozen",
        text:
          `Two different lists of ${who}'s devices claim to be the newest one. Somebody else may hold ${who}'s admin key, so\n` +
          `nothing is sent to ${who} or read from there any more. Ask ${who} on another way, for instance by telephone. If they\n` +
          "revoke the stranger with their paper key, remove the contact here and accept a new invite.",
      };
    }
    case "device-replaced":
      if (event.why === "asked")
        return {
          subject: "This installation has new keys",
          text:
            "A device was revoked with the paper key, and this installation became a new device. Your contacts learn of it by\n" +
            "themselves, and stay what they are. If that was not you, somebody has your paper key: tell your contacts on\n" +
            `another way.${
              event.invitesWithdrawn === 0
                ? ""
                : `\n\nInvites that were open (${event.invitesWithdrawn}) are withdrawn: make new ones.`
            }`,
        };
      return {
        subject: "This home was restored from a copy",
        text:
          "Postern runs on an older copy of its home: a contact had letters from it that it does not know of. The old keys must\n" +
          "not be used again, so this installation has become a new device. Your contacts learn of it by themselves, stay\n" +
          "verified, and send again what did not arrive. The old device is revoked: if the original still runs somewhere, it\n" +
          "stops.\n" +
          (event.invitesWithdrawn === 0
            ? ""
            : `\nInvites that were open (${event.invitesWithdrawn}) are withdrawn: make new ones.\n`) +
          `\nIf you did not restore a copy, somebody else has one, and with it your keys. ${REVOKE}`,
      };
    case "paper-needed":
      return {
        subject: "Your paper key is needed",
        text:
          "Postern runs on an older copy of its home, and another admin key holds by now, so that it cannot become a new\n" +
          "device by itself. Go on with the newer installation; if there is none, postern revoke --list and postern revoke NUMBER,\n" +
          "with the number of this installation, give it new keys.",
      };
    case "copy-running":
      return {
        subject: "A copy of this home is running",
        text:
          "A contact got letters in this device's name that it did not send: a copy of this home runs somewhere else, by mistake\n" +
          "or in a thief's hands. Stop one of the two. The first of them that notices to be behind becomes a new device, and\n" +
          `the other one is revoked and stops. If the copy is not yours: ${REVOKE}`,
      };
    case "superseded":
      return {
        subject: "This installation is revoked",
        text:
          "Another installation of your identity has revoked this one, or has taken its place: nothing is sent or received here\n" +
          "any more. What is stored stays readable. If that was not you, tell your contacts on another way.",
      };
    case "devices-changed":
      return {
        subject: "A device was added to your identity",
        text:
          "A contact showed a newer list of your devices, signed with your keys, in which one is new that this installation did\n" +
          `not add. If it is not yours, somebody has your keys. ${REVOKE}`,
      };
    case "own-fork":
      return {
        subject: "Somebody else changes your list of devices",
        text:
          "Two different lists of your devices claim the same place: a copy of this home, or a thief, uses your admin key. Your\n" +
          `contacts stop trusting both: tell them on another way, too. ${REVOKE}`,
      };
  }
}

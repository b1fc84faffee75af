import type { AddressLabel } from "../foundation/address.ts";
import type { OverlayEvent } from "../overlay-adapter/events.ts";

export type IdentityEvent = Extract<
  OverlayEvent,
  {
    kind:
      | "contact-frozen"
      | "device-replaced"
      | "paper-needed"
      | "copy-running"
      | "superseded"
      | "devices-changed"
      | "own-fork";
  }
>;

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
          "\nIf you did not restore a copy, somebody else has one, and with it your keys: tell your contacts on another way.",
      };
    case "paper-needed":
      return {
        subject: "Your paper key is needed",
        text:
          "Postern runs on an older copy of its home, and another admin key holds by now, so that it cannot become a new\n" +
          "device. Nothing of it can be trusted any more: go on with the newer installation.",
      };
    case "copy-running":
      return {
        subject: "A copy of this home is running",
        text:
          "A contact got letters in this device's name that it did not send: a copy of this home runs somewhere else, by mistake\n" +
          "or in a thief's hands. Stop one of the two. The first of them that notices to be behind becomes a new device, and\n" +
          "the other one is revoked and stops. If the copy is not yours, tell your contacts on another way.",
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
          "not add. If it is not yours, somebody has your keys: tell your contacts on another way.",
      };
    case "own-fork":
      return {
        subject: "Somebody else changes your list of devices",
        text:
          "Two different lists of your devices claim the same place: a copy of this home, or a thief, uses your admin key. Your\n" +
          "contacts stop trusting both. Tell them on another way.",
      };
  }
}

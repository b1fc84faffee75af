import type { AddressLabel } from "../../foundation/address.ts";

/** What somebody else keeps beside a contact: called inside the transactions in which contacts come, answer and go. */
export interface ContactCompanion {
  /** Both sides' bridges have met, or meet anew. `made` is the id of the invite that was made here; undefined where the other side made it. */
  met(label: AddressLabel, made: string | undefined): void;
  /** Who made the invite has answered: letters flow both ways. */
  confirmed(label: AddressLabel): void;
  /** The contact is removed, blocked, or given up before it was one. */
  parted(label: AddressLabel): void;
}

export const NO_COMPANION: ContactCompanion = {
  met: () => undefined,
  confirmed: () => undefined,
  parted: () => undefined,
};

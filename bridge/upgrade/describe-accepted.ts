import type { AcceptedOffer } from "./upgrades.ts";

/** What the user reads who has accepted an old contact's invitation. */
export function describeAccepted({ address, petname, state, reason }: AcceptedOffer): string {
  switch (state) {
    case "moved":
      return `${address} is ${petname} from now on: letters to that address go over the overlay.`;
    case "joining":
      return `${petname} is your contact. Letters to ${address} go over the overlay as soon as their bridge has answered; a notice says so, with four words to compare.`;
    case "waiting":
      return `${reason ?? "It takes a while"}.\nThe bridge goes on trying while it runs, until the invitation expires; a notice says when ${address} has moved.`;
  }
}

import type { AddressLabel } from "../../foundation/address.ts";
import { mailboxesIn } from "../../mime/address-list.ts";
import { headerFields } from "../../mime/header.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import type { Account } from "../account.ts";

/** A letter to more people is a list's, and each of them would get an offer for every other one. */
const CO_RECIPIENTS_MAX = 10;

/**
 * Offers to each other the contacts whom a letter shows to each other, each pair once, ever, so that they can answer to
 * all; in the transaction that puts the letter on its way. `delivered`: whom it goes to. Who is there in Bcc alone is
 * nobody's business.
 */
export function introduceCoRecipients(
  { account, overlay }: { readonly account: Account; readonly overlay: Overlay },
  header: Uint8Array,
  delivered: readonly AddressLabel[],
): void {
  if (delivered.length < 2) return;
  const shown = new Set<AddressLabel>();
  for (const { key, value } of headerFields(header)) {
    if (key !== "to" && key !== "cc") continue;
    for (const { local, domain } of mailboxesIn(value)) {
      const addressee = account.addressee(`${local}@${domain}`);
      if (addressee.kind === "contact" && delivered.includes(addressee.contact.label))
        shown.add(addressee.contact.label);
    }
  }
  const labels = [...shown];
  if (labels.length > CO_RECIPIENTS_MAX) return;
  for (const [at, one] of labels.entries())
    for (const other of labels.slice(at + 1)) overlay.meetings.introduce(one, other, true);
}

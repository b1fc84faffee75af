import { createHash } from "node:crypto";
import { decodeBase32, encodeBase32 } from "./base32.ts";

/** The top of every overlay address. RFC 9476 keeps `.alt` out of the DNS, so no resolver can leak one. */
export const OVERLAY_DOMAIN = "postern.alt";

/** The 52 base32 characters that name an identity: SHA-256 of its paper master public key. */
export type AddressLabel = string & { readonly brand: "AddressLabel" };

export function addressLabel(masterPublicKey: Uint8Array): AddressLabel {
  return encodeBase32(createHash("sha256").update(masterPublicKey).digest()) as AddressLabel;
}

/** `anything@<label>.postern.alt` */
export function formatAddress(localPart: string, label: AddressLabel): string {
  return `${localPart}@${label}.${OVERLAY_DOMAIN}`;
}

export type ParsedAddress =
  | { kind: "identity"; localPart: string; label: AddressLabel }
  | { kind: "petname"; petname: string }
  | { kind: "legacy"; address: string };

/** What an RFC 5321 mailbox names; undefined if it is no address at all. Domains are compared without case. */
export function parseAddress(mailbox: string): ParsedAddress | undefined {
  const at = mailbox.lastIndexOf("@");
  if (at < 1 || at === mailbox.length - 1) return undefined;
  const localPart = mailbox.slice(0, at);
  const domain = mailbox.slice(at + 1).toLowerCase();
  if (domain === OVERLAY_DOMAIN) return { kind: "petname", petname: localPart.toLowerCase() };
  if (domain.endsWith(`.${OVERLAY_DOMAIN}`)) {
    const label = domain.slice(0, -OVERLAY_DOMAIN.length - 1);
    if (label.length !== 52 || decodeBase32(label) === undefined) return undefined;
    return { kind: "identity", localPart, label: label as AddressLabel };
  }
  return { kind: "legacy", address: mailbox };
}

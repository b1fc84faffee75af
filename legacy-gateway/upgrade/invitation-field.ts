import { foldedField } from "../../mime/field-text.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { INVITATION_MAX } from "./limits.ts";

/** Carries an invitation to the overlay. Mail programs show no field of that name, so that nobody reads what is not for people. */
const NAME = "Postern-Invitation";
const KEY = NAME.toLowerCase();

/** How long the pieces are that the link is folded into; it has no blanks of its own. */
const PIECE = /.{1,70}/g;

/** The field with its line ends. */
export function formatInvitation(link: string): string {
  return foldedField(NAME, link.match(PIECE) ?? [], "");
}

export function isInvitation({ key }: Pick<HeaderField, "key">): boolean {
  return key === KEY;
}

/** The invitation in a header; undefined where there is none, or several: then none counts. */
export function invitationIn(header: Uint8Array): string | undefined {
  let found: string | undefined;
  for (const field of headerFields(header)) {
    if (!isInvitation(field)) continue;
    if (found !== undefined) return undefined;
    found = field.value.replace(/[ \t]+/g, "");
  }
  return found !== undefined && found.length <= INVITATION_MAX && /^postern:[\w-]+$/.test(found) ? found : undefined;
}

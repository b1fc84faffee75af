import { Failure } from "../../foundation/failure.ts";
import { type InviteLink, parseInviteLink } from "../../overlay-adapter/contacts/invite-link.ts";
import { LINK_PIECES, LINKS_TRIED } from "./limits.ts";

export interface FoundInvite {
  readonly link: string;
  readonly says: InviteLink;
}

/** What may stand between two pieces of a link: line ends with marks of quoting, blanks, and characters that nobody sees. */
const BETWEEN = /^[\s>|*=\u00ad\u200b\u2060\ufeff]{1,64}/;
const PIECE = /^[A-Za-z0-9_-]+/;

/**
 * The first invite's link in a text for which `wanted` holds, however mail has wrapped and quoted it: its checksum says
 * where it ends. `broken` is the text for a person where something only looks like one.
 */
export function findInvite(
  text: string,
  wanted: (found: FoundInvite) => boolean,
): { readonly found?: FoundInvite; readonly broken?: string } {
  let broken = "";
  let tries = 0;
  for (const { index } of text.matchAll(/postern:/gi)) {
    if (++tries > LINKS_TRIED) break;
    const result = linkAt(text.slice(index, index + 4_096));
    if (typeof result === "string") broken ||= result;
    else if (wanted(result)) return { found: result };
  }
  return broken === "" ? {} : { broken };
}

/** The link that the text begins with, or why it is none. */
function linkAt(text: string): FoundInvite | string {
  let rest = text.slice("postern:".length).replace(/^\/\//, "");
  let link = "postern:";
  let why = "";
  for (let pieces = 0; pieces < LINK_PIECES; pieces++) {
    rest = rest.slice(BETWEEN.exec(rest)?.[0].length ?? 0);
    const piece = PIECE.exec(rest)?.[0];
    if (piece === undefined) break;
    rest = rest.slice(piece.length);
    link += piece;
    try {
      return { link, says: parseInviteLink(link) };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      why = error.message;
    }
  }
  // "postern: what is it?" is no link that somebody has damaged.
  return link.length < 100 ? "" : why;
}

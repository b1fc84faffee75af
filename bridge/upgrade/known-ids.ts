import type { AddressLabel } from "../../foundation/address.ts";
import type { Aliases } from "../../legacy-gateway/upgrade/aliases.ts";
import type { Maildir } from "../../maildir/store.ts";

/** Ids of a thread that are looked up, so that no letter takes long; the others are hidden like those of a program. */
const IDS_MAX = 40;

/**
 * Tells which Message-IDs in a letter to these contacts are to be hidden. All are, as a rule, since they name hosts; but
 * where every contact was an old one before, those of letters that are here stay as they are: the others have them, too,
 * from the time of e-mail, and a thread goes on by them.
 */
export function hidesMessageId(
  { aliases, maildir }: { readonly aliases: Pick<Aliases, "of">; readonly maildir: Maildir },
  contacts: readonly AddressLabel[],
): (id: string) => boolean {
  // Asked at the first id: most letters refer to no other.
  let all: boolean | undefined;
  const known = new Map<string, boolean>();
  return (id) => {
    all ??= contacts.length === 0 || contacts.some((label) => aliases.of(label).length === 0);
    if (all) return true;
    const before = known.get(id);
    if (before !== undefined) return before;
    if (known.size >= IDS_MAX) return true;
    const hidden = !maildir
      .mailboxes()
      .some(({ id: mailbox }) => maildir.findByMessageId(mailbox, `<${id}>`).length > 0);
    known.set(id, hidden);
    return hidden;
  };
}

import type { Maildir, MaildirMailbox } from "../../maildir/store.ts";

/** The folder for sent letters, made again where it was deleted; subscribed, because some mail programs see no other folders. */
export async function sentMailbox(maildir: Maildir): Promise<MaildirMailbox> {
  const found = maildir.specialUse("\\Sent");
  if (found !== undefined) return found;
  const sent = await maildir.create("Sent", "\\Sent");
  await maildir.setSubscribed(sent.name, true);
  return sent;
}

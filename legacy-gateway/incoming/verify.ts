import { createHash } from "node:crypto";
import type { LocalMailbox } from "../ports.ts";
import type { LedgerLetter } from "./ledger.ts";

/** Whether the letter lies here whole: its file is read to the end and its SHA-256 compared. */
export async function isHere(mailbox: LocalMailbox, { localUid, storedHash }: LedgerLetter): Promise<boolean> {
  if (localUid === undefined) return false;
  const [summary] = mailbox.summaries([localUid]);
  if (summary === undefined) return false;
  const hash = createHash("sha256");
  try {
    for await (const piece of mailbox.read(localUid, 0, summary.size)) hash.update(piece);
  } catch {
    return false;
  }
  return hash.digest().equals(storedHash);
}

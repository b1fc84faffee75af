import { errorCode } from "../foundation/failure.ts";
import type { Storage } from "./storage.ts";
import type { StoredMailbox } from "./stored-mailbox.ts";
import { commitInTurns, inSlices } from "./turns.ts";

interface PutOptions {
  readonly rowsPerTransaction?: number;
  /** What is waited for before the transaction of that number. */
  readonly prepare?: (index: number) => Promise<void>;
}

/**
 * Puts many messages into a mailbox, all or none, though in several transactions. Each notes which UIDs it gave, the last
 * one strikes the notes out: what a failure leaves half-done is taken out again at once, what a crash leaves at the next
 * start. `put` runs inside a transaction. @throws what `put` throws
 */
export async function putAllOrNone<T, R>(
  storage: Storage,
  mailbox: StoredMailbox,
  items: readonly T[],
  put: (some: readonly T[]) => readonly R[],
  { rowsPerTransaction = storage.rowsPerTransaction, prepare }: PutOptions = {},
): Promise<R[]> {
  const slices = inSlices(items, rowsPerTransaction);
  const notes: number[] = [];
  try {
    const results = await commitInTurns(
      storage,
      slices,
      (some, index) => {
        const first = mailbox.counters().uidNext;
        const result = put(some);
        const last = mailbox.counters().uidNext - 1;
        if (index === slices.length - 1) {
          storage.unfinished.strike(notes);
        } else if (last >= first) {
          const note = storage.unfinished.note(mailbox.row, first, last);
          storage.db.afterCommit(() => notes.push(note));
        }
        return result;
      },
      prepare,
    );
    return results.flat();
  } catch (error) {
    if (notes.length > 0)
      await undo(storage, mailbox, notes).catch((cause: unknown) => {
        storage.logger("warn", "what was half-done is taken back at the next start", { reason: errorCode(cause) });
      });
    throw error;
  }
}

/** Takes out what unfinished work put into a mailbox. */
export async function undo(storage: Storage, mailbox: StoredMailbox, notes: readonly number[]): Promise<void> {
  const uids = storage.unfinished.uids(mailbox.row, notes);
  const slices = inSlices(uids, storage.rowsPerTransaction);
  await commitInTurns(storage, slices, (some, index) => {
    mailbox.takeOut(some);
    if (index === slices.length - 1) storage.unfinished.strike(notes);
  });
}

import type { Database } from "../../foundation/database.ts";

/** The letter stays at its provider, whatever becomes of it here. Durable on return. */
export function releaseLetter(db: Database, mailbox: string, localUid: number): void {
  db.transaction(() =>
    db.sqlite
      .prepare(
        `UPDATE gateway_letter SET local_uid = NULL WHERE local_uid = ?
           AND folder IN (SELECT id FROM gateway_folder WHERE mailbox = ?)`,
      )
      .run(localUid, mailbox),
  );
}

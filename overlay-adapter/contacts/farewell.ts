import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { KeyedMutex } from "../../foundation/mutex.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import type { OverlayEvent } from "../events.ts";
import type { Outbox } from "../letters/outbox.ts";
import type { Spool } from "../letters/spool.ts";
import type { Queues } from "../queues/queues.ts";

export interface FarewellOptions {
  readonly db: Database;
  readonly contacts: Contacts;
  readonly device: Device;
  readonly queues: Queues;
  readonly outbox: Outbox;
  readonly spool: Spool;
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  readonly clock: Clock;
  readonly emit: (event: OverlayEvent) => void;
  /** Looks at an own queue's new state. */
  readonly read: (queue: number) => void;
  /** Removes what the other parts keep of a contact, in the transaction in which it goes. */
  readonly forget: (label: AddressLabel) => void;
}

/** `gone`: the contact goes as well; `revoked`: it stays listed as such; `removed`: whoever asked decides. */
export type End = "gone" | "removed" | "revoked";

/** Removes a contact's queues, session and join; what waits for it fails. */
export async function takeFarewell(options: FarewellOptions, label: AddressLabel, end: End): Promise<void> {
  const { db, contacts, device, queues, outbox, spool, clock, emit } = options;
  await options.sessions.run(label, async () => {
    const { failed, files, own } = await db.commit(() => {
      const own = queues.ownOf(label);
      for (const { id } of own) queues.setState(id, "deleting");
      queues.removeContact(label);
      device.removeSessions(label);
      options.forget(label);
      if (end === "revoked") contacts.setState(label, "revoked");
      if (end === "gone" && contacts.byLabel(label) !== undefined) contacts.remove(label);
      const failed = outbox.open(label);
      const files = failed.map((delivery) => outbox.setFailed(delivery, "refused", clock.now()));
      files.push(...outbox.forgetUnreceipted(label));
      return { failed, files, own };
    });
    for (const { letter, kind } of failed)
      if (kind === "mail") emit({ kind: "failed", letter, to: label, reason: "refused" });
    for (const file of files) if (file !== undefined) await spool.remove(file);
    for (const { id } of own) options.read(id);
  });
}

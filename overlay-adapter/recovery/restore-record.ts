import type { Database } from "../../foundation/database.ts";
import { contactFreezeSchema } from "../../keyring/contact-freeze.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { contactSchema } from "../contacts/contact-schema.ts";
import { rotationSchema } from "../queues/queue-rotation.ts";
import { Queues } from "../queues/queues.ts";
import { overlaySchema } from "../schema.ts";
import type { RecoveryRecord } from "./record.ts";

export interface RestoreOptions {
  readonly db: Database;
  readonly contacts: Contacts;
  /** The own ones from now on, with their tokens; the preferred one first. */
  readonly relays: readonly [RelayAddress, ...RelayAddress[]];
  readonly random: (length: number) => Buffer;
}

/**
 * Brings a record's contacts into an empty database, with the queues both ways as they were. Sessions there are none: the
 * overlay's `becomeNewDevice` is to follow. In the caller's transaction. @throws Failure where the record contradicts itself
 */
export function restoreRecord(record: RecoveryRecord, { db, contacts, relays, random }: RestoreOptions): void {
  for (const schema of [overlaySchema, contactSchema, rotationSchema, contactFreezeSchema]) db.migrate(schema);
  const queues = new Queues(db, relays, random);
  const { sqlite } = db;
  const freeze = sqlite.prepare("INSERT INTO contact_freeze VALUES (?, ?)");
  const phrase = sqlite.prepare("INSERT INTO overlay_phrase VALUES (?, zeroblob(32), NULL, ?)");
  const order = sqlite.prepare("INSERT INTO overlay_queue_order VALUES (?, ?, ?)");
  for (const contact of record.contacts) {
    const { label, accountState, address } = contact;
    contacts.add(contact);
    if (accountState !== undefined) contacts.restorePin(label, accountState);
    if (contact.before !== undefined) freeze.run(label, contact.before);
    if (contact.phrase !== undefined) phrase.run(label, contact.phrase);
    if (contact.told > 0 || contact.heard > 0) order.run(label, contact.told, contact.heard);
    if (address !== undefined) queues.setContact(label, address);
    for (const queue of contact.queues) queues.setState(queues.add(queue, queue.relay, label), "ready");
  }
}

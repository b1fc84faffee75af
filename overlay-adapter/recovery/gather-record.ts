import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import type { ContactState, Contacts } from "../../keyring/contacts.ts";
import { type RelayAddress, withoutToken } from "../../relay/relay-url.ts";
import { decodeQueueAddress } from "../queues/queue-address.ts";
import type { OwnQueue, Queues } from "../queues/queues.ts";
import { RECORD_QUEUES_MAX } from "./limits.ts";
import { encodeRecord, type RecordedContact, type RecoveryRecord } from "./record.ts";
import { RECORD_SIZE_MAX } from "./record-cells.ts";

export interface RecordSources {
  readonly db: Database;
  readonly contacts: Contacts;
  readonly queues: Queues;
  /** The own ones, with their tokens, the preferred one first. */
  readonly relays: readonly RelayAddress[];
  readonly accountState: () => Buffer;
  readonly highestDeviceId: () => number;
}

/** What a new device would need by now, encoded. Where there is no room for all, account states stay out: contacts show theirs. */
export function gatherRecord(sources: RecordSources): Buffer {
  const record: RecoveryRecord = {
    accountState: sources.accountState(),
    highestDeviceId: sources.highestDeviceId(),
    relays: sources.relays,
    contacts: recordedContacts(sources),
  };
  const whole = encodeRecord(record);
  if (whole.length <= RECORD_SIZE_MAX) return whole;
  return encodeRecord({
    ...record,
    contacts: record.contacts.map((contact) => ({ ...contact, accountState: undefined })),
  });
}

function recordedContacts({ db, contacts, queues }: RecordSources): RecordedContact[] {
  const own = new Map<AddressLabel, OwnQueue[]>();
  for (const queue of queues.allOwn()) {
    if (queue.label === undefined || queue.state === "deleting") continue;
    own.set(queue.label, [...(own.get(queue.label) ?? []), queue]);
  }
  const rows = <T>(sql: string) =>
    new Map((db.sqlite.prepare(sql).all() as (T & { label: AddressLabel })[]).map((row) => [row.label, row]));
  const addresses = rows<{ address: Buffer }>("SELECT label, address FROM overlay_contact_queue");
  const orders = rows<{ told: number; heard: number }>("SELECT label, told, heard FROM overlay_queue_order");
  const phrases = rows<{ phrase: string }>("SELECT label, phrase FROM overlay_phrase WHERE phrase IS NOT NULL");
  const frozen = rows<{ state: ContactState }>("SELECT label, state FROM contact_freeze");
  return contacts.list().map(({ label, petname, state, how, accountState }) => {
    const address = addresses.get(label)?.address;
    return {
      label,
      petname,
      state,
      how,
      before: frozen.get(label)?.state,
      accountState,
      phrase: phrases.get(label)?.phrase,
      address: address && decodeQueueAddress(address),
      told: orders.get(label)?.told ?? 0,
      heard: orders.get(label)?.heard ?? 0,
      queues: (own.get(label) ?? [])
        .slice(-RECORD_QUEUES_MAX)
        .map((queue) => ({ ...queue, relay: withoutToken(queue.relay) })),
    };
  });
}

import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import type { Queues } from "../queues/queues.ts";

/**
 * How far a contact knows of this device. `waiting`: its relay has not been reached yet; `told`: it lies at its relay;
 * `answered`: letters go both ways; `gone`: its relay knows no such queue any more; `lost`: nothing says where it reads.
 */
export interface Reached {
  readonly label: AddressLabel;
  readonly state: "waiting" | "told" | "answered" | "gone" | "lost";
}

/** What the tables say of each contact; revoked ones are not looked for. */
export class ReachedContacts {
  readonly #o: {
    readonly db: Database;
    readonly contacts: Contacts;
    readonly device: Device;
    readonly queues: Queues;
  };

  constructor(options: { db: Database; contacts: Contacts; device: Device; queues: Queues }) {
    this.#o = options;
  }

  list(): Reached[] {
    const { db, contacts, device, queues } = this.#o;
    const sent = db.sqlite.prepare("SELECT sent_at > 0 FROM overlay_renewal WHERE label = ?").pluck();
    const gone = db.sqlite.prepare("SELECT 1 FROM overlay_unreachable WHERE label = ?").pluck();
    return contacts
      .list()
      .filter(({ state }) => state !== "revoked")
      .map(({ label }) => {
        if (device.sessionDevices(label).length > 0) return { label, state: "answered" };
        if (queues.contact(label) === undefined) return { label, state: "lost" };
        if (gone.get(label) === 1) return { label, state: "gone" };
        return { label, state: sent.get(label) === 1 ? "told" : "waiting" };
      });
  }
}

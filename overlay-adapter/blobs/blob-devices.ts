import type { AddressLabel } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import { READS_BLOBS } from "../letters/letter-header.ts";

/** Contacts' devices that read blobs, as the headers of their letters say. Synchronous, in the caller's transaction. */
export class BlobDevices {
  readonly #sqlite: Database["sqlite"];

  constructor({ sqlite }: Database) {
    this.#sqlite = sqlite;
  }

  /** A letter of this device's came, with these flags. */
  hear(label: AddressLabel, deviceId: number, flags: number): void {
    const reads = (flags & READS_BLOBS) !== 0;
    if (reads === this.reads(label, deviceId)) return;
    this.#sqlite
      .prepare(
        reads
          ? "INSERT INTO overlay_blob_device VALUES (?, ?)"
          : "DELETE FROM overlay_blob_device WHERE label = ? AND device_id = ?",
      )
      .run(label, deviceId);
  }

  reads(label: AddressLabel, deviceId: number): boolean {
    const row = this.#sqlite
      .prepare("SELECT 1 FROM overlay_blob_device WHERE label = ? AND device_id = ?")
      .get(label, deviceId);
    return row !== undefined;
  }

  forget(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_blob_device WHERE label = ?").run(label);
  }
}

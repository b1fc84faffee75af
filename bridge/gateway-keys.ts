import type { Database } from "../foundation/database.ts";
import { OpenPgpKeys } from "../keyring/openpgp-keys.ts";
import { readLegacyLetter } from "../legacy-gateway/incoming/incoming-letter.ts";
import { createOpenPgpReader } from "../legacy-gateway/openpgp/incoming-reader.ts";
import { KeyBook } from "../legacy-gateway/openpgp/key-book.ts";
import { KeyCollector } from "../legacy-gateway/openpgp/key-collector.ts";
import type { GatewayNotice, IncomingReader } from "../legacy-gateway/ports.ts";

/** OpenPGP for the old road: the keys, and what reads letters with them. */
export interface GatewayKeys {
  readonly store: OpenPgpKeys;
  readonly book: KeyBook;
  readonly read: IncomingReader;
}

export interface GatewayKeysOptions {
  readonly db: Database;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly notify: (notice: GatewayNotice) => void;
}

export async function openGatewayKeys({ db, now, notify }: GatewayKeysOptions): Promise<GatewayKeys> {
  const store = new OpenPgpKeys(db, { now });
  const book = await KeyBook.open({ store, now, notify });
  const collector = new KeyCollector({ book, store, now });
  return { store, book, read: createOpenPgpReader({ book, collector, now, next: readLegacyLetter }) };
}

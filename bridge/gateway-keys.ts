import type { Database } from "../foundation/database.ts";
import { OpenPgpKeys } from "../keyring/openpgp-keys.ts";
import { readLegacyLetter } from "../legacy-gateway/incoming/incoming-letter.ts";
import { createOpenPgpReader } from "../legacy-gateway/openpgp/incoming-reader.ts";
import { KeyBook } from "../legacy-gateway/openpgp/key-book.ts";
import { KeyCollector } from "../legacy-gateway/openpgp/key-collector.ts";
import type { FetchKey, LookupPlace } from "../legacy-gateway/openpgp/key-lookup.ts";
import { createOpenPgpWriter } from "../legacy-gateway/openpgp/outgoing-writer.ts";
import { PolicyStore } from "../legacy-gateway/policy/policy-store.ts";
import type { GatewayNotice, IncomingReader, OutgoingWriter } from "../legacy-gateway/ports.ts";

/** OpenPGP for the old road: the keys, and what reads letters with them. */
export interface GatewayKeys {
  readonly store: OpenPgpKeys;
  readonly book: KeyBook;
  readonly policies: PolicyStore;
  readonly read: IncomingReader;
  readonly write: OutgoingWriter;
}

export interface GatewayKeysOptions {
  readonly db: Database;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly notify: (notice: GatewayNotice) => void;
  /** Where keys may be asked for; nobody is asked where it is absent. */
  readonly lookup?: { readonly places: readonly LookupPlace[]; readonly fetch: FetchKey };
}

const NO_LOOKUP = { places: [], fetch: async () => undefined };

export async function openGatewayKeys({
  db,
  now,
  notify,
  lookup = NO_LOOKUP,
}: GatewayKeysOptions): Promise<GatewayKeys> {
  const store = new OpenPgpKeys(db, { now });
  const book = await KeyBook.open({ store, now, notify });
  const collector = new KeyCollector({ book, store, now });
  const policies = new PolicyStore(db, { now });
  return {
    store,
    book,
    policies,
    read: createOpenPgpReader({ book, collector, now, next: readLegacyLetter }),
    write: createOpenPgpWriter({ book, store, policies, lookup, now }),
  };
}

import type { OpenPgpKeys } from "../keyring/openpgp-keys.ts";
import { readLegacyLetter } from "../legacy-gateway/incoming/incoming-letter.ts";
import { createOpenPgpReader } from "../legacy-gateway/openpgp/incoming-reader.ts";
import { KeyBook } from "../legacy-gateway/openpgp/key-book.ts";
import { KeyCollector } from "../legacy-gateway/openpgp/key-collector.ts";
import { createOpenPgpWriter } from "../legacy-gateway/openpgp/outgoing-writer.ts";
import type { PolicyStore } from "../legacy-gateway/policy/policy-store.ts";
import type { IncomingReader, OutgoingWriter } from "../legacy-gateway/ports.ts";
import type { GatewayKeysOptions } from "./gateway-keys.ts";

/** The part of `GatewayKeys` that needs OpenPGP.js. */
export interface GatewayOpenPgp {
  readonly book: KeyBook;
  readonly read: IncomingReader;
  readonly write: OutgoingWriter;
}

const NO_LOOKUP = { places: [], fetch: async () => undefined };

export async function openGatewayOpenPgp({
  store,
  policies,
  now,
  notify,
  lookup = NO_LOOKUP,
}: GatewayKeysOptions & { readonly store: OpenPgpKeys; readonly policies: PolicyStore }): Promise<GatewayOpenPgp> {
  const book = await KeyBook.open({ store, now, notify });
  const collector = new KeyCollector({ book, store, now });
  return {
    book,
    read: createOpenPgpReader({ book, collector, now, next: readLegacyLetter }),
    write: createOpenPgpWriter({ book, store, policies, lookup, now }),
  };
}

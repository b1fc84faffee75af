import { createOpenPgpReader } from "../../legacy-gateway/openpgp/incoming-reader.ts";
import { KeyBook } from "../../legacy-gateway/openpgp/key-book.ts";
import { KeyCollector } from "../../legacy-gateway/openpgp/key-collector.ts";
import { createOpenPgpWriter } from "../../legacy-gateway/openpgp/outgoing-writer.ts";
import type { IncomingReader, OutgoingWriter } from "../../legacy-gateway/ports.ts";
import { createUpgradeReader } from "../../legacy-gateway/upgrade/upgrade-reader.ts";
import type { GatewayKeys, GatewayKeysOptions } from "./gateway-keys.ts";

/** The part of `GatewayKeys` that needs OpenPGP.js. */
export interface GatewayOpenPgp {
  readonly book: KeyBook;
  readonly read: IncomingReader;
  readonly write: OutgoingWriter;
}

const NO_UPGRADE: NonNullable<GatewayKeysOptions["upgrade"]> = {
  movedTo: () => undefined,
  seen: async () => undefined,
  invitation: () => undefined,
  hasMoved: () => false,
};

const NO_LOOKUP = { places: [], fetch: async () => undefined };

export async function openGatewayOpenPgp({
  store,
  policies,
  preferences,
  now,
  notify,
  lookup = NO_LOOKUP,
  upgrade = NO_UPGRADE,
}: GatewayKeysOptions & Pick<GatewayKeys, "store" | "policies" | "preferences">): Promise<GatewayOpenPgp> {
  const { invitation, hasMoved } = upgrade;
  const book = await KeyBook.open({ store, now, notify });
  const collector = new KeyCollector({ book, store, now });
  return {
    book,
    read: createOpenPgpReader({ book, collector, now, next: createUpgradeReader(upgrade) }),
    write: createOpenPgpWriter({ book, store, policies, preferences, lookup, now, invitation, hasMoved }),
  };
}

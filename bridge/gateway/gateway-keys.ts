import type { Database } from "../../foundation/database.ts";
import { OpenPgpKeys } from "../../keyring/openpgp-keys.ts";
import { AccountPreferences } from "../../legacy-gateway/openpgp/account-preferences.ts";
import type { KeyBook } from "../../legacy-gateway/openpgp/key-book.ts";
import type { FetchKey, LookupPlace } from "../../legacy-gateway/openpgp/key-lookup.ts";
import type { OpenPgpWriterOptions } from "../../legacy-gateway/openpgp/outgoing-writer.ts";
import { PolicyStore } from "../../legacy-gateway/policy/policy-store.ts";
import type { GatewayNotice, IncomingReader, OutgoingWriter } from "../../legacy-gateway/ports.ts";
import type { UpgradeReaderOptions } from "../../legacy-gateway/upgrade/upgrade-reader.ts";
import type { GatewayOpenPgp } from "./gateway-openpgp.ts";

/** OpenPGP for the old road: the keys, and what reads letters with them. */
export interface GatewayKeys {
  readonly store: OpenPgpKeys;
  readonly policies: PolicyStore;
  readonly preferences: AccountPreferences;
  book(): Promise<KeyBook>;
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
  /** Invites old contacts to the overlay, and hears of their invitations; nobody does where it is absent. */
  readonly upgrade?: UpgradeReaderOptions & Required<Pick<OpenPgpWriterOptions, "invitation" | "hasMoved">>;
}

/** The library is loaded, and the own keys opened, when the first letter or command needs them: most starts have none. */
export function openGatewayKeys(options: GatewayKeysOptions): GatewayKeys {
  const { db, now } = options;
  const store = new OpenPgpKeys(db, { now });
  const policies = new PolicyStore(db, { now });
  const preferences = new AccountPreferences(db);
  let opened: Promise<GatewayOpenPgp> | undefined;
  const openPgp = (): Promise<GatewayOpenPgp> => {
    if (opened === undefined) {
      opened = import("./gateway-openpgp.ts").then(({ openGatewayOpenPgp }) =>
        openGatewayOpenPgp({ ...options, store, policies, preferences }),
      );
      // What failed is tried again.
      opened.catch(() => {
        opened = undefined;
      });
    }
    return opened;
  };
  return {
    store,
    policies,
    preferences,
    book: async () => (await openPgp()).book,
    read: async (letter) => await (await openPgp()).read(letter),
    write: async (letter) => await (await openPgp()).write(letter),
  };
}

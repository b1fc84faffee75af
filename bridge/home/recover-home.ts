import { randomBytes } from "node:crypto";
import { systemClock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import { wordsToSeed } from "../../keyring/paper-key.ts";
import { findRecord, type RecordSearch } from "../../overlay-adapter/recovery/find-record.ts";
import { answers, createRelayClient, type RelayClient } from "../../overlay-adapter/relay-client/relay-client.ts";
import { formatRelayUrl, parseRelayUrl, type RelayAddress } from "../../relay/relay-url.ts";
import type { Config, Environment } from "../config.ts";
import { composeCarrier } from "../network/carriers.ts";
import { createHome, exists, type HomePaths } from "./home.ts";
import { type InitResult, initHome } from "./init.ts";
import { recoverAccount } from "./recover-account.ts";

export interface RecoverOptions {
  readonly environment: Environment;
  readonly paths: HomePaths;
  /** Its relays are asked for the record. */
  readonly config: Config;
  readonly words: string;
  /** Goes on without a record: the same address, and no contacts. */
  readonly withoutContacts: boolean;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface RecoverResult extends InitResult {
  /** When the record that told of the contacts was written, by the lost device's clock; absent where there was none. */
  readonly recordedAt?: string;
  /** The relay that the home uses from now on. */
  readonly relay?: string;
  /** Relays of one's own that did not answer and are left out. */
  readonly relaysLeftOut: readonly string[];
}

/**
 * A new device of the identity whose paper key this is, in a new home: all other devices are revoked, and what the relays'
 * record tells of contacts is there, for the bridge to find them. Until the vault's file is there nothing has happened, here
 * or at a relay: interrupted, it is done again.
 * @throws Failure already-exists, invalid (the words, no relay), nonexistent (no record), unavailable
 */
export async function recoverHome(options: RecoverOptions): Promise<RecoverResult> {
  const { environment, paths, config, words, withoutContacts, onProgress } = options;
  const masterSeed = wordsToSeed(words);
  if (masterSeed === undefined)
    throw new Failure("invalid", "these are not the 24 words of a paper key: one is misspelt, missing, or elsewhere");
  await createHome(paths);
  if (await exists(paths.vault))
    throw new Failure("already-exists", `${paths.home} is a Postern home already: choose another with --home`);
  const named = [
    ...(config.relayUrl === undefined ? [] : [parseRelayUrl(config.relayUrl)]),
    ...(config.spareRelays ?? []),
  ];
  const [first] = named;
  if (first === undefined && !withoutContacts)
    throw new Failure(
      "invalid",
      "say which relay holds the recovery record, as it stands on the paper: postern recover --relay postern-relay://...",
    );
  const carrier = composeCarrier(config, { address: first ?? NO_RELAY });
  const client = createRelayClient({ carrier, clock: systemClock });
  try {
    const search = await findRecord(client, named, masterSeed, onProgress);
    if (search.found === undefined && !withoutContacts) throw notFound(search);
    const own = await livingRelays(client, named, search);
    if (own.living.length > 0 && own.living[0]?.token === undefined)
      throw new Failure("invalid", "that relay's address has no token in it: type the whole one that you have of it");
    const [preferred, ...spares] = own.living;
    const settings = withRelays(config, preferred, spares);
    const fill = (db: Database) =>
      recoverAccount({ db, home: paths.home, masterSeed, search, relays: own.living, now: Date.now() });
    const made = await initHome({ environment, paths, config: settings, account: { masterSeed, fill } });
    const recordedAt = search.found?.version;
    return {
      ...made,
      ...(recordedAt !== undefined && { recordedAt: new Date(recordedAt).toISOString() }),
      ...(preferred !== undefined && { relay: `${preferred.host}:${preferred.port}` }),
      relaysLeftOut: own.leftOut.map(({ host, port }) => `${host}:${port}`),
    };
  } finally {
    await client.close();
  }
}

/** Nothing is ever sent there. */
const NO_RELAY: RelayAddress = { host: "127.0.0.1", port: 1, pin: Buffer.alloc(32) };

function notFound({ silent }: RecordSearch): Failure {
  const [one] = silent;
  if (one !== undefined)
    return new Failure(
      "unavailable",
      `${one.relay.host}:${one.relay.port} does not answer (${one.why.message}): try again later, or name another of your relays`,
      { cause: one.why },
    );
  return new Failure(
    "nonexistent",
    "the relay has no recovery record of this paper key: it is another relay, or the record was lost with it. " +
      "--without-contacts makes the same address again, and contacts must be met anew",
  );
}

/** The record's relays and those that were named, with their tokens, as far as they answer. */
async function livingRelays(
  client: RelayClient,
  named: readonly RelayAddress[],
  { found }: RecordSearch,
): Promise<{ living: RelayAddress[]; leftOut: RelayAddress[] }> {
  const known = new Map<string, RelayAddress>();
  for (const relay of [...(found?.record.relays ?? []), ...named]) {
    const pin = relay.pin.toString("hex");
    const before = known.get(pin);
    // Under the address by which it was reached now, with the token that the record has.
    const token = relay.token ?? before?.token;
    known.set(pin, { ...relay, ...(token !== undefined && { token }) });
  }
  const all = [...known.values()];
  const answering = await Promise.all(all.map((relay) => answers(client, relay, randomBytes)));
  return { living: all.filter((_, at) => answering[at]), leftOut: all.filter((_, at) => !answering[at]) };
}

function withRelays(config: Config, preferred: RelayAddress | undefined, spares: readonly RelayAddress[]): Config {
  const { relayUrl: _relay, spareRelays: _spares, ...rest } = config;
  return {
    ...rest,
    ...(preferred !== undefined && { relayUrl: formatRelayUrl(preferred) }),
    ...(spares.length > 0 && { spareRelays: spares }),
  };
}

import { randomBytes } from "node:crypto";
import { rm } from "node:fs/promises";
import { OVERLAY_DOMAIN } from "../foundation/address.ts";
import { systemClock } from "../foundation/clock.ts";
import type { Database } from "../foundation/database.ts";
import { writeFileDurably } from "../foundation/durable-file.ts";
import { errorCode, Failure, storageFailure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import { startImapServer } from "../imap-front/server.ts";
import type { Vault } from "../keyring/vault.ts";
import { httpsFetch } from "../legacy-gateway/openpgp/https-fetch.ts";
import { startRelay } from "../relay/relay.ts";
import { parseRelayUrl, type RelayAddress } from "../relay/relay-url.ts";
import { startSmtpServer } from "../smtp-front/server.ts";
import { imapAuthenticator, smtpAuthenticator } from "./authenticators.ts";
import type { Config } from "./config.ts";
import type { Running } from "./control/protocol.ts";
import { startControlServer } from "./control/server.ts";
import { readFrontCertificate, renewLeaf } from "./home/front-certificates.ts";
import { type HomePaths, lockHome, requireHome } from "./home/home.ts";
import { type OpenedHome, openHome } from "./home/opened-home.ts";
import { ONION_KEY_LABEL } from "./home/state.ts";
import { configuredSecret, VaultGate } from "./home/vault-gate.ts";
import { formatHostPort, type HostPort } from "./host-port.ts";
import { composeCarriers, type OwnRelay, reachedHere } from "./network/carriers.ts";
import { onionKey } from "./network/onion-key.ts";
import { ONION_PORT, OnionService } from "./network/onion-service.ts";
import { homeOperations } from "./operations/home-operations.ts";
import type { Operations } from "./operations/operations.ts";

export interface BridgeOptions {
  readonly paths: HomePaths;
  readonly config: Config;
  readonly logger: Logger;
}

export interface RunningBridge {
  readonly imap: HostPort;
  readonly smtp: HostPort;
  readonly operations: Operations;
  isOpen(): boolean;
  stop(): Promise<void>;
}

/** Undoes what was begun, the newest first, whatever fails on the way. */
class Teardown {
  readonly #steps: (() => Promise<void> | void)[] = [];

  add(step: () => Promise<void> | void): void {
    this.#steps.push(step);
  }

  async run(): Promise<void> {
    const errors: unknown[] = [];
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw errors[0];
  }
}

/**
 * Starts all parts on a home: relay, vault, fronts, control connection. Resolves once both fronts accept connections;
 * the vault is open then if the settings name a secret that opens it.
 * @throws Failure busy (another bridge, a port), locked, damaged, unavailable
 */
export async function startBridge({ paths, config, logger }: BridgeOptions): Promise<RunningBridge> {
  const teardown = new Teardown();
  try {
    await requireHome(paths);
    const lock = lockHome(paths);
    teardown.add(() => lock.release());
    // The relay runs while the vault is still locked: cells wait there.
    const relay = await ownRelay({ paths, config, logger }, teardown);
    // What a login opens late is still closed after the fronts.
    const behindGate = new Teardown();
    teardown.add(() => behindGate.run());
    const gate = await loadGate(
      { paths, config, logger },
      async () => relay,
      behindGate,
      async ({ db, overlay, gateway, adminKey, commands, upgrades }) => {
        overlay.start();
        upgrades.start();
        adminKey.start();
        gateway.start();
        commands.start();
        await renewCertificate(db, paths, logger);
      },
    );
    const secret = await configuredSecret(config);
    if (secret !== undefined) await gate.unlock(secret);

    const tls = await readFrontCertificate(paths);
    const common = { tls, logger, clock: systemClock, name: OVERLAY_DOMAIN };
    const imap = await listening(
      "imap",
      config.imap,
      startImapServer({ ...common, ...config.imap, authenticator: imapAuthenticator(gate) }),
    );
    teardown.add(() => imap.stop());
    const smtp = await listening(
      "smtp",
      config.smtp,
      startSmtpServer({ ...common, ...config.smtp, authenticator: smtpAuthenticator(gate) }),
    );
    teardown.add(() => smtp.stop());

    const fronts = { imap: { host: imap.host, port: imap.port }, smtp: { host: smtp.host, port: smtp.port } };
    const operations = homeOperations({ paths, config, gate, fronts: () => fronts });
    const token = randomBytes(32).toString("base64url");
    const control = await startControlServer({ token, operations, logger });
    teardown.add(() => control.stop());
    const running: Running = { pid: process.pid, control: { port: control.port, token } };
    await writeFileDurably(paths.running, JSON.stringify(running));
    teardown.add(() => rm(paths.running, { force: true }));
    return { ...fronts, operations, isOpen: () => gate.inside !== undefined, stop: () => teardown.run() };
  } catch (error) {
    await teardown.run().catch(() => undefined);
    throw error;
  }
}

/**
 * Opens a home for one command while no bridge runs on it; the caller holds the home's lock. Without `unlocked` neither
 * the vault nor the relay is touched.
 * @throws Failure locked, where the vault must be open and the settings name nothing that opens it
 */
export async function openOperations(
  options: BridgeOptions & { unlocked: boolean },
): Promise<{ operations: Operations; close(): Promise<void> }> {
  const { paths, config, unlocked } = options;
  const teardown = new Teardown();
  try {
    const gate = await loadGate(
      options,
      () => ownRelay(options, teardown),
      teardown,
      ({ overlay }) => overlay.start(),
    );
    if (unlocked) {
      const secret = await configuredSecret(config);
      if (secret === undefined) gate.require();
      else await gate.unlock(secret);
    }
    const operations = homeOperations({ paths, config, gate, fronts: () => undefined });
    return { operations, close: () => teardown.run() };
  } catch (error) {
    await teardown.run().catch(() => undefined);
    throw error;
  }
}

/** The vault's gate, with the home behind it; who comes through finds the own relay running. */
async function loadGate(
  { paths, config, logger }: BridgeOptions,
  relay: () => Promise<OwnRelay>,
  teardown: Teardown,
  onOpen: (home: OpenedHome) => Promise<void> | void,
): Promise<VaultGate<OpenedHome>> {
  return await VaultGate.load<OpenedHome>(paths, async (vault, vaultFile) => {
    const own = await relay();
    const onion = ownOnion(config, own, vault);
    const opened = await openHome({
      paths,
      vault,
      vaultFile,
      relay: onion?.address ?? own.address,
      spareRelays: config.spareRelays ?? [],
      ...composeCarriers(config, own),
      logger,
      mailQuota: config.mailQuota,
      sendReceipts: config.sendReceipts,
      sendBlobs: own.here === undefined,
      keyLookup: { places: config.keyLookup ?? [], fetch: httpsFetch(config.proxy) },
      introduceCoRecipients: config.introduceCoRecipients,
    });
    teardown.add(() => opened.close());
    const service = onion && new OnionService({ ...onion, clock: systemClock, logger });
    teardown.add(() => service?.stop());
    const home = service === undefined ? opened : { ...opened, onion: service };
    await onOpen(home);
    return home;
  });
}

/** Mail goes on with the old certificate where a new one cannot be written. */
async function renewCertificate(db: Database, paths: HomePaths, logger: Logger): Promise<void> {
  try {
    if (await renewLeaf(db, paths, Date.now()))
      logger("info", "the fronts' certificate was renewed; the next start uses it");
  } catch (error) {
    logger("warn", "the fronts' certificate could not be renewed", { reason: errorCode(storageFailure(error)) });
  }
}

/** The own relay as an onion service, if the settings want it; its key is derived from the vault's. */
function ownOnion({ embeddedRelay: { onion: control } }: Config, own: OwnRelay, vault: Vault) {
  if (control === undefined || own.here === undefined) return undefined;
  const key = onionKey(vault.derive(ONION_KEY_LABEL));
  const address: RelayAddress = { ...own.address, host: key.host, port: ONION_PORT };
  return { control, key, address, target: reachedHere(own.here.listens) };
}

/** The relay that the settings name, or the bridge's own, started. */
async function ownRelay({ paths, config, logger }: BridgeOptions, teardown: Teardown): Promise<OwnRelay> {
  if (config.relayUrl !== undefined) return { address: parseRelayUrl(config.relayUrl) };
  const { listen, advertise } = config.embeddedRelay;
  const relay = await startRelay({ directory: paths.relay, ...listen, logger });
  teardown.add(() => relay.stop());
  const address = parseRelayUrl(relay.url);
  const here = { listens: { host: listen.host, port: relay.port }, open: () => relay.open() };
  return { address: advertise === undefined ? address : { ...address, ...advertise }, here };
}

/** @throws Failure busy or forbidden, naming the setting, where the system does not let the front listen there */
async function listening<T>(front: "imap" | "smtp", place: HostPort, started: Promise<T>): Promise<T> {
  try {
    return await started;
  } catch (error) {
    const code = errorCode(error);
    const change = `choose another with --${front} HOST:PORT or in config.toml`;
    if (code === "EADDRINUSE")
      throw new Failure("busy", `${formatHostPort(place)} is taken by another program: ${change}`, { cause: error });
    if (code === "EACCES" || code === "EADDRNOTAVAIL")
      throw new Failure("forbidden", `${formatHostPort(place)} cannot be listened on (${code}): ${change}`, {
        cause: error,
      });
    throw error;
  }
}

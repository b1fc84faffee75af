import { randomBytes, randomInt } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { systemClock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import { writeFileDurably } from "../../foundation/durable-file.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import { silentLogger } from "../../foundation/logger.ts";
import { newAppPassword } from "../../keyring/app-password.ts";
import { certificateFingerprint } from "../../keyring/certificate.ts";
import { createDevice } from "../../keyring/device.ts";
import { createIdentity, type Identity } from "../../keyring/identity.ts";
import { createKeyFile, readKeyFile } from "../../keyring/key-file.ts";
import { addSlot, createVault, type NewSlot } from "../../keyring/key-slots.ts";
import { PASSPHRASE_ADVISED } from "../../keyring/limits.ts";
import { newMasterSeed } from "../../keyring/paper-key.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import { writeVaultFile } from "../../keyring/vault-file.ts";
import { openMaildir } from "../../maildir/open.ts";
import { OWN_LOCAL_PART } from "../account.ts";
import { type Config, DEFAULT_CONFIG, type Environment, formatConfig } from "../config.ts";
import type { HostPort } from "../host-port.ts";
import { createFrontCertificates } from "./front-certificates.ts";
import { createHome, exists, type HomePaths, lockHome } from "./home.ts";
import { MAILDIR_KEY_LABEL, openState } from "./state.ts";
import { readPassphraseFile } from "./vault-gate.ts";

/** The first app password's name. */
const FIRST_APP_PASSWORD = "first mail program";
/** The slot that the 24 words open. */
const PAPER_KEY = "paper key";

const SHORT_PASSPHRASE = `the passphrase has fewer than ${PASSPHRASE_ADVISED} characters: whoever copies the home can guess it`;

export interface InitResult {
  readonly home: string;
  readonly address: string;
  readonly user: string;
  readonly appPassword: string;
  readonly imap: HostPort;
  readonly smtp: HostPort;
  readonly caFile: string;
  readonly caFingerprint: string;
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  /** What a person should know; absent where there is nothing. */
  readonly warnings?: readonly string[];
}

/** An identity that there was before. */
export interface RecoveredAccount {
  readonly masterSeed: Buffer;
  /** Writes identity, device and contacts into the new state.db. */
  fill(db: Database): Promise<Identity>;
}

/**
 * Makes everything that a bridge keeps. The vault's file comes last: until it is there the home counts as empty, and
 * what an interrupted attempt left is set aside.
 * @throws Failure already-exists, full, forbidden
 */
export async function initHome(options: {
  environment: Environment;
  paths: HomePaths;
  config: Config;
  account?: RecoveredAccount;
}): Promise<InitResult> {
  const { paths } = options;
  try {
    await createHome(paths);
    if (await exists(paths.vault))
      throw new Failure(
        "already-exists",
        `${paths.home} is a Postern home already: choose another with --home, or start it with \`postern run\``,
      );
    const lock = lockHome(paths);
    try {
      return await fillHome(options);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw storageFailure(error);
  }
}

async function fillHome({
  environment,
  paths,
  config: wanted,
  account,
}: {
  environment: Environment;
  paths: HomePaths;
  config: Config;
  account?: RecoveredAccount;
}): Promise<InitResult> {
  await setAsideLeftovers(paths);
  const now = Date.now();
  const masterSeed = account?.masterSeed ?? newMasterSeed(randomBytes);
  const recovery = recoveryIdentity(masterSeed);
  const { config, name, slot } = await chooseKeySlot(environment, await choosePorts(wanted));
  const slotOptions = { random: randomBytes, now };
  const created = await createVault(recovery.recipient, name, slot, slotOptions);
  const { vault } = created;
  const appPassword = newAppPassword(randomBytes);
  const withAppPassword = await addSlot(
    created.file,
    vault,
    FIRST_APP_PASSWORD,
    { kind: "app-password", password: appPassword },
    slotOptions,
  );
  const file = await addSlot(withAppPassword, vault, PAPER_KEY, { kind: "paper", masterSeed }, slotOptions);

  const db = openState(paths, vault);
  try {
    const identity = account === undefined ? newAccount(db, masterSeed, now) : await account.fill(db);
    const authority = await createFrontCertificates(db, paths, now);
    const maildir = await openMaildir({
      db,
      home: paths.home,
      vaultKey: vault.derive(MAILDIR_KEY_LABEL),
      recoveryRecipient: recovery.recipient,
      clock: systemClock,
      logger: silentLogger,
    });
    await maildir.close();
    await writeConfig(paths, config);
    await writeVaultFile(paths.vault, file);
    const address = identity.address(OWN_LOCAL_PART);
    return {
      home: paths.home,
      address,
      user: address,
      appPassword,
      imap: config.imap,
      smtp: config.smtp,
      caFile: paths.authority,
      caFingerprint: certificateFingerprint(authority),
      ...(config.keyFile !== undefined && { keyFile: config.keyFile }),
      ...(config.passphraseFile !== undefined && { passphraseFile: config.passphraseFile }),
      ...(slot.kind === "passphrase" &&
        slot.passphrase.length < PASSPHRASE_ADVISED && { warnings: [SHORT_PASSPHRASE] }),
    };
  } finally {
    db.close();
    vault.close();
  }
}

function newAccount(db: Database, masterSeed: Buffer, now: number): Identity {
  const { identityKey, registrationId } = createDevice(db, { random: randomBytes });
  return createIdentity(db, { now, random: randomBytes, masterSeed, device: { identityKey, registrationId } });
}

/** Databases and mail without a vault file were never of use to anybody; still they are kept. */
async function setAsideLeftovers(paths: HomePaths): Promise<void> {
  const leftovers = [paths.state, `${paths.state}-wal`, `${paths.state}-shm`, join(paths.home, "mail")];
  const aside = join(paths.home, `interrupted-${Date.now()}`);
  for (const path of leftovers) {
    if (!(await exists(path))) continue;
    await mkdir(aside, { recursive: true, mode: 0o700 });
    await rename(path, join(aside, path.slice(paths.home.length + 1)));
  }
}

/**
 * A passphrase file that was named, else a key file outside the home: a copy of the home alone opens nothing. A key
 * file that was named and is there already is used as it is.
 */
async function chooseKeySlot(
  environment: Environment,
  config: Config,
): Promise<{ config: Config; name: string; slot: NewSlot }> {
  if (config.passphraseFile !== undefined) {
    const passphrase = await readPassphraseFile(config.passphraseFile);
    return { config, name: "passphrase", slot: { kind: "passphrase", passphrase } };
  }
  const keyFile = config.keyFile ?? join(environment.keyDirectory, `vault-${randomBytes(6).toString("hex")}.key`);
  await mkdir(environment.keyDirectory, { recursive: true, mode: 0o700 });
  const key = (await exists(keyFile)) ? await readKeyFile(keyFile) : await createKeyFile(keyFile, randomBytes);
  return { config: { ...config, keyFile }, name: "key file", slot: { kind: "key-file", key } };
}

/**
 * Ports for good, because mail programs and invites name them. A port that was asked for stays; for port 0, and for a
 * standard port that is taken (another user's bridge, say), a free one is chosen. The own relay gets a free one anyway:
 * nobody types it, and two homes of one machine must not meet there.
 */
async function choosePorts(config: Config): Promise<Config> {
  const choose = async (wanted: HostPort, standard: HostPort): Promise<HostPort> => {
    const stays = wanted.port !== 0 && (wanted !== standard || (await isFree(wanted)));
    return stays ? wanted : { host: wanted.host, port: await freePort(wanted.host) };
  };
  const { listen } = config.embeddedRelay;
  const keepRelay = listen.port !== 0 && listen !== DEFAULT_CONFIG.embeddedRelay.listen;
  return {
    ...config,
    imap: await choose(config.imap, DEFAULT_CONFIG.imap),
    smtp: await choose(config.smtp, DEFAULT_CONFIG.smtp),
    embeddedRelay: {
      ...config.embeddedRelay,
      listen: keepRelay ? listen : { host: listen.host, port: await freePort(listen.host) },
    },
  };
}

/** Below the ports that systems hand out for outgoing connections, so that it is still free at the next start. */
const CHOSEN_PORTS = { from: 20_000, to: 32_000 };

async function freePort(host: string): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(CHOSEN_PORTS.from, CHOSEN_PORTS.to);
    if (await isFree({ host, port })) return port;
  }
  throw new Failure("busy", `no free port was found on ${host}: name one with --imap and --smtp, or in config.toml`);
}

async function isFree({ host, port }: HostPort): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/** A config.toml that was there before is rewritten with what was chosen; its own text stays beside it. */
async function writeConfig(paths: HomePaths, config: Config): Promise<void> {
  const text = formatConfig(config);
  const present = (await exists(paths.config)) ? await readFile(paths.config, "utf8") : text;
  if (present !== text) await writeFileDurably(`${paths.config}.before-init`, present);
  await writeFileDurably(paths.config, text);
}

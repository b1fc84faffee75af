import { randomBytes } from "node:crypto";
import { link, readFile, rename, rm } from "node:fs/promises";
import { Database } from "../../foundation/database.ts";
import { syncDirectory } from "../../foundation/durable-file.ts";
import { Failure } from "../../foundation/failure.ts";
import { createDevice } from "../../keyring/device.ts";
import { createIdentity } from "../../keyring/identity.ts";
import { wordsToSeed } from "../../keyring/paper-key.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import type { Vault } from "../../keyring/vault.ts";
import { type Rebuilt, rebuildIndex } from "../../maildir/rebuild.ts";
import type { Config } from "../config.ts";
import { hasIdentity, isDamage, openConfiguredVault, type Progress } from "./doctor.ts";
import { createFrontCertificates } from "./front-certificates.ts";
import { exists, type HomePaths } from "./home.ts";
import { BRIDGE_SCHEMA, MAILDIR_KEY_LABEL, stateKey } from "./state.ts";
import { lastUidValidity, salvageState } from "./state-salvage.ts";

export interface RebuildHomeOptions {
  readonly paths: HomePaths;
  readonly config: Config;
  /** Holds the 24 words; for a home that lost its identity. */
  readonly paperKeyFile?: string;
  readonly onProgress: Progress;
}

export interface RebuiltHome extends Rebuilt {
  readonly home: string;
  /** `kept`: with contacts, sessions and outbox; `restored`: from the paper key, without them; `lost`. */
  readonly account: "kept" | "restored" | "lost";
  /** Where the state.db from before is. */
  readonly setAside?: string;
}

const SUFFIXES = ["", "-wal", "-shm"];

/**
 * Makes state.db anew: the mail's index from the files, everything else from the present state.db as far as it can be
 * read. The new one takes its place when it is whole; the one from before is kept beside it. The caller holds the lock.
 * @throws Failure locked, full, invalid (the words)
 */
export async function rebuildHome(options: RebuildHomeOptions): Promise<RebuiltHome> {
  const { paths, config, paperKeyFile, onProgress } = options;
  const { file, vault } = await openConfiguredVault(paths, config);
  try {
    const masterSeed = paperKeyFile === undefined ? undefined : await readWords(paperKeyFile, file.recoveryRecipient);
    const rebuilding = `${paths.state}.rebuilding`;
    for (const suffix of SUFFIXES) await rm(`${rebuilding}${suffix}`, { force: true });
    const now = Date.now();
    const db = new Database(rebuilding, stateKey(vault));
    let rebuilt: Rebuilt;
    let account: RebuiltHome["account"];
    try {
      const { kept, uidValidity } = await takeOver(paths, vault, db);
      account = kept ? "kept" : "lost";
      if (!kept && masterSeed !== undefined) {
        await restoreAccount(db, paths, masterSeed, now);
        account = "restored";
      }
      const vaultKey = vault.derive(MAILDIR_KEY_LABEL);
      rebuilt = await rebuildIndex({ db, home: paths.home, vaultKey, lastUidValidity: uidValidity, now, onProgress });
    } finally {
      db.close();
    }
    const setAside = await swap(paths, rebuilding, now);
    return { home: paths.home, account, ...rebuilt, ...(setAside !== undefined && { setAside }) };
  } finally {
    vault.close();
  }
}

async function readWords(path: string, recoveryRecipient: string): Promise<Buffer> {
  const seed = wordsToSeed(
    await readFile(path, "utf8").catch((error: unknown) => {
      throw new Failure("nonexistent", `${path} cannot be read`, { cause: error });
    }),
  );
  if (seed === undefined) throw new Failure("invalid", `${path} does not hold the 24 words of a paper key`);
  if (recoveryIdentity(seed).recipient !== recoveryRecipient)
    throw new Failure("invalid", `the words in ${path} are another home's paper key`);
  return seed;
}

/** All but the mail's index, from the present state.db into the new one; whether that has an identity then. */
async function takeOver(
  paths: HomePaths,
  vault: Vault,
  into: Database,
): Promise<{ readonly kept: boolean; readonly uidValidity: number }> {
  if (!(await exists(paths.state))) return { kept: false, uidValidity: 0 };
  let from: Database | undefined;
  let uidValidity = 0;
  try {
    from = new Database(paths.state, stateKey(vault));
    uidValidity = lastUidValidity(from);
    if (hasIdentity(from)) salvageState(from, into);
    // What is only in the log is in the file too before the file is set aside.
    from.sqlite.pragma("wal_checkpoint(TRUNCATE)");
    return { kept: hasIdentity(into), uidValidity };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { kept: hasIdentity(into), uidValidity };
  } finally {
    from?.close();
  }
}

/** The same address again, with new keys below the master key; the fronts get a new authority. */
async function restoreAccount(db: Database, paths: HomePaths, masterSeed: Buffer, now: number): Promise<void> {
  const { identityKey, registrationId } = createDevice(db, { random: randomBytes });
  createIdentity(db, { now, random: randomBytes, masterSeed, device: { identityKey, registrationId } });
  db.migrate(BRIDGE_SCHEMA);
  await createFrontCertificates(db, paths, now);
}

/** In an order that leaves one whole state.db at any moment. */
async function swap(paths: HomePaths, rebuilt: string, now: number): Promise<string | undefined> {
  const hadState = await exists(paths.state);
  const aside = `${paths.state}.replaced-${new Date(now).toISOString().replace(/[:.]/g, "-")}`;
  for (const suffix of ["-wal", "-shm"])
    if (await exists(paths.state + suffix)) await rename(paths.state + suffix, aside + suffix);
  if (hadState) await link(paths.state, aside);
  await rename(rebuilt, paths.state);
  await syncDirectory(paths.home);
  return hadState ? aside : undefined;
}

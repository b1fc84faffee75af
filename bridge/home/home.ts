import { mkdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, Failure } from "../../foundation/failure.ts";
import { lockForProcess } from "../../foundation/process-lock.ts";

/** Where things lie in a home; nothing of it is readable without a key slot but the settings and what TLS needs. */
export interface HomePaths {
  readonly home: string;
  readonly config: string;
  readonly vault: string;
  readonly state: string;
  readonly tlsKey: string;
  readonly tlsCertificate: string;
  readonly authority: string;
  readonly relay: string;
  readonly running: string;
  readonly lock: string;
}

export function homePaths(home: string): HomePaths {
  return {
    home,
    config: join(home, "config.toml"),
    vault: join(home, "vault.json"),
    state: join(home, "state.db"),
    tlsKey: join(home, "tls", "key.pem"),
    tlsCertificate: join(home, "tls", "certificate.pem"),
    authority: join(home, "tls", "authority.pem"),
    relay: join(home, "relay"),
    running: join(home, "running.json"),
    lock: join(home, "lock.db"),
  };
}

/** Makes the home and its folders, for their owner alone. @throws Failure forbidden */
export async function createHome(paths: HomePaths): Promise<void> {
  try {
    await mkdir(join(paths.home, "tls"), { recursive: true, mode: 0o700 });
  } catch (error) {
    // ENOENT is what a recursive mkdir says of a read-only disk.
    if (errorCode(error) !== "ENOENT") throw error;
    throw new Failure("forbidden", `${paths.home} cannot be made: check that the disk is not read-only`, {
      cause: error,
    });
  }
}

export async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}

/** @throws Failure nonexistent, where `init` did not come to its end */
export async function requireHome(paths: HomePaths): Promise<void> {
  if (!(await exists(paths.vault)))
    throw new Failure("nonexistent", `there is no Postern home in ${paths.home}: make one with \`postern init\``);
}

/**
 * Makes this process the home's only one, until release or the process's end however it comes.
 * @throws Failure busy
 */
export function lockHome(paths: HomePaths): { release(): void } {
  const busy = `a bridge already runs on ${paths.home}: stop it first, or see \`postern status\``;
  return { release: lockForProcess(paths.lock, busy) };
}

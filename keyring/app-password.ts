import type { RandomSource } from "./random.ts";
import type { Vault } from "./vault.ts";
import type { VaultFile } from "./vault-file.ts";

/** 128 random bits as `abcd-efgh-ijkl-mnop-qrst-uvwx-yz`; to be shown once and kept nowhere. */
export function newAppPassword(_random: RandomSource): string {
  throw new Error("not written");
}

/** What a SCRAM-SHA-256 server keeps of one program's password (RFC 5802 section 3); salt and iterations are the same for all. */
export interface ScramCredentials {
  /** The slot's name. */
  readonly name: string;
  readonly salt: Buffer;
  readonly iterations: number;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export function scramCredentials(_file: VaultFile): ScramCredentials[] {
  throw new Error("not written");
}

/** The name of the slot that the password belongs to; for use while the vault is open. Takes the same time for all slots. @throws Failure damaged */
export async function verifyAppPassword(
  _file: VaultFile,
  _vault: Vault,
  _password: string,
): Promise<string | undefined> {
  throw new Error("not written");
}

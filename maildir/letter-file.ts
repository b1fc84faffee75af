import { createHash } from "node:crypto";
import { closeSync, futimesSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import type { AgeRecipient } from "./age/identity.ts";
import { sealBytes } from "./age/sealer.ts";
import { padding } from "./padding.ts";

/** A small message, whole, and where its file is to lie. */
export interface LetterFile {
  readonly octets: Uint8Array;
  readonly internalDate: number;
  readonly emailId: string;
  /** The name while it is written, and afterwards. */
  readonly temporary: string;
  readonly path: string;
}

/**
 * Seals the message into its file, in one go; the file still has to be synced and closed, and its name to be synced. On
 * any failure nothing is left behind. @throws what the file system says
 */
export function writeLetterFile(
  letter: LetterFile,
  recipients: readonly AgeRecipient[],
): { readonly descriptor: number; readonly contentHash: Buffer } {
  const { octets, internalDate, emailId, temporary, path } = letter;
  const plaintext = Buffer.concat([octets, ...padding({ size: octets.length, internalDate, emailId })]);
  const sealed = sealBytes(recipients, plaintext);
  const descriptor = openSync(temporary, "wx", 0o600);
  try {
    for (let offset = 0; offset < sealed.length; ) offset += writeSync(descriptor, sealed, offset);
    futimesSync(descriptor, 0, 0);
    renameSync(temporary, path);
  } catch (error) {
    closeSync(descriptor);
    rmSync(temporary, { force: true });
    throw error;
  }
  return { descriptor, contentHash: createHash("sha256").update(octets).digest() };
}

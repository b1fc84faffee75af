import { createHmac } from "node:crypto";
import { mkdir, readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { encodeBase32 } from "../foundation/base32.ts";
import { syncDirectory } from "../foundation/durable-file.ts";
import { errorCode } from "../foundation/failure.ts";
import { randomOctets } from "../foundation/random-octets.ts";
import { deriveKey } from "../foundation/seal.ts";

const NAME_OCTETS = 16;
const PARTS = ["tmp", "new", "cur"];

/** Where things lie: `<home>/mail/<folder>/{tmp,new,cur}/<file>[:2,LETTERS]`; folders and files are 26 random characters. */
export class MailFolders {
  readonly root: string;
  readonly #nameKey: Buffer;

  constructor(home: string, vaultKey: Uint8Array) {
    this.root = join(home, "mail");
    this.#nameKey = deriveKey(vaultKey, "postern maildir file names");
  }

  randomName(): string {
    return encodeBase32(randomOctets(NAME_OCTETS));
  }

  /** The file name for a deterministic id; tells nothing of the id to those without the vault's key. */
  nameOf(id: Uint8Array): string {
    return encodeBase32(createHmac("sha256", this.#nameKey).update(id).digest().subarray(0, NAME_OCTETS));
  }

  folder(folder: string): string {
    return join(this.root, folder);
  }

  tmp(folder: string, file = ""): string {
    return below(`${this.root}/${folder}/tmp`, file);
  }

  /** Durable files that no committed row names yet, or whose final name is still to be given. */
  fresh(folder: string, file = ""): string {
    return below(`${this.root}/${folder}/new`, file);
  }

  cur(folder: string, file = "", letters?: string): string {
    return below(`${this.root}/${folder}/cur`, letters === undefined ? file : `${file}:2,${letters}`);
  }

  async createRoot(): Promise<void> {
    const created = await mkdir(this.root, { recursive: true, mode: 0o700 });
    if (created !== undefined) await syncDirectory(dirname(this.root));
  }

  /** Makes folders with their three directories; durable. */
  async create(folders: readonly string[]): Promise<void> {
    for (const folder of folders) {
      await mkdir(this.folder(folder), { mode: 0o700 });
      for (const part of PARTS) await mkdir(join(this.folder(folder), part), { mode: 0o700 });
    }
    for (const folder of folders) await syncDirectory(this.folder(folder));
    if (folders.length > 0) await syncDirectory(this.root);
  }

  async remove(folder: string): Promise<void> {
    await rm(this.folder(folder), { recursive: true, force: true });
  }

  /** Removes a folder that holds nothing at all, not even its description; any other stays as it is. */
  async removeEmpty(folder: string): Promise<void> {
    if ((await this.list(this.folder(folder))).some((name) => !PARTS.includes(name))) return;
    try {
      for (const part of PARTS) await rmdir(join(this.folder(folder), part)).catch(ignoreMissing);
      await rmdir(this.folder(folder)).catch(ignoreMissing);
    } catch (error) {
      if (!["ENOTEMPTY", "EEXIST"].includes(errorCode(error))) throw error;
    }
  }

  /** The names in one of a folder's three directories; none where it is missing. */
  async list(directory: string): Promise<string[]> {
    try {
      return await readdir(directory);
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }
}

/** `join` looks at each octet of a path, and there are thousands of them. */
function below(directory: string, file: string): string {
  return file === "" ? directory : `${directory}/${file}`;
}

/** A file name in `cur` without its letters, and the letters. */
export function splitDiskName(name: string): { file: string; letters: string } {
  const at = name.indexOf(":2,");
  return at < 0 ? { file: name, letters: "" } : { file: name.slice(0, at), letters: name.slice(at + 3) };
}

function ignoreMissing(error: unknown): void {
  if (!isMissing(error)) throw error;
}

export function isMissing(error: unknown): boolean {
  const code = errorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

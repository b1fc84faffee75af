import { randomBytes } from "node:crypto";
import { open, opendir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { DecodeError } from "../../foundation/bytes.ts";
import { writeFileDurably } from "../../foundation/durable-file.ts";
import { Failure } from "../../foundation/failure.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { type BundleHeader, cellsOf, openHeader } from "./bundle.ts";
import { BUNDLE_CELLS, FILES_MAX } from "./limits.ts";

const SUFFIX = ".cells";

/** A file of a folder that opens with one of the keys that were tried. */
export interface FoundBundle<T> {
  readonly path: string;
  /** What the key was given for. */
  readonly owner: T;
  readonly header: BundleHeader;
}

/** @throws Failure nonexistent */
export async function requireFolder(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() !== true)
    throw new Failure("nonexistent", `${directory} is no folder: is the stick plugged in and mounted?`);
}

/** Writes a bundle under a random name; after a crash it is there whole or not at all. */
export async function writeBundle(directory: string, bundle: Uint8Array): Promise<void> {
  await writeFileDurably(join(directory, `${randomBytes(16).toString("hex")}${SUFFIX}`), bundle);
}

/** All bundles in a folder that open with one of the keys; `foreign` counts the others, of other people or damaged. */
export async function findBundles<T>(
  directory: string,
  keys: readonly { readonly key: Uint8Array; readonly owner: T }[],
): Promise<{ found: FoundBundle<T>[]; foreign: number }> {
  const found: FoundBundle<T>[] = [];
  let foreign = 0;
  let files = 0;
  for await (const entry of await opendir(directory)) {
    if (!entry.isFile() || !entry.name.endsWith(SUFFIX) || entry.name.startsWith(".")) continue;
    if (++files > FILES_MAX)
      throw new Failure("too-big", `${directory} has more than ${FILES_MAX} bundles: use a new folder`);
    const path = join(directory, entry.name);
    const first = await firstCell(path);
    const bundle = first && tryKeys(path, first, keys);
    if (bundle === undefined) foreign++;
    else found.push(bundle);
  }
  return { found, foreign };
}

/** The cells of a bundle; undefined where the file is not what its header says. */
export async function readCells(
  path: string,
  header: Extract<BundleHeader, { kind: "cells" }>,
): Promise<Buffer[] | undefined> {
  try {
    if ((await stat(path)).size > (BUNDLE_CELLS + 16) * CELL_SIZE) return undefined;
    return cellsOf(await readFile(path), header);
  } catch (error) {
    if (error instanceof DecodeError) return undefined;
    throw error;
  }
}

export async function removeBundles(paths: readonly string[]): Promise<void> {
  for (const path of paths) await rm(path, { force: true });
}

function tryKeys<T>(
  path: string,
  first: Buffer,
  keys: readonly { readonly key: Uint8Array; readonly owner: T }[],
): FoundBundle<T> | undefined {
  try {
    for (const { key, owner } of keys) {
      const header = openHeader(key, first);
      if (header !== undefined) return { path, owner, header };
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
  }
  return undefined;
}

async function firstCell(path: string): Promise<Buffer | undefined> {
  const file = await open(path, "r");
  try {
    const cell = Buffer.alloc(CELL_SIZE);
    const { bytesRead } = await file.read(cell, 0, CELL_SIZE, 0);
    return bytesRead === CELL_SIZE ? cell : undefined;
  } finally {
    await file.close();
  }
}

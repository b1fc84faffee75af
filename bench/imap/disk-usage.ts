import { lstatSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** Octets of the blocks that all below a folder takes on its disk. */
export function diskUsage(folder: string): number {
  let blocks = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const status = lstatSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false });
    blocks += status?.blocks ?? 0;
  }
  return blocks * 512;
}

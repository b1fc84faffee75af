import { dirname, join } from "node:path";
import type { Environment } from "../../config.ts";
import type { CommonOptions } from "./options.ts";

/** Where a relay of its own keeps everything: `--home`, or beside the bridge's home. */
export function relayDirectory(environment: Environment, { home }: CommonOptions): string {
  return home === undefined ? join(dirname(environment.home), "postern-relay") : environment.home;
}

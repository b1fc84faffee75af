/** Looks into a home's state from beside its bridge. */
import { setTimeout as delay } from "node:timers/promises";
import { homePaths } from "../../../../bridge/home/home.ts";
import { openExistingState } from "../../../../bridge/home/state.ts";
import { openVault } from "../../../../keyring/key-slots.ts";
import { readVaultFile } from "../../../../keyring/vault-file.ts";

/** How long the bridge may take, in milliseconds, to index ten thousand letters on a busy machine. */
const PATIENCE = 420_000;
const POLL = 250;

/** Resolves once the bridge that runs on this home has every letter in its text index. @throws if it takes too long */
export async function untilIndexed(home: string, appPassword: string): Promise<void> {
  const paths = homePaths(home);
  const file = await readVaultFile(paths.vault);
  const vault = file && (await openVault(file, { appPassword }));
  if (vault === undefined) throw new Error(`${home} does not open`);
  const db = await openExistingState(paths, vault);
  try {
    const waiting = db.sqlite
      .prepare<[], number>(
        "SELECT COUNT(*) FROM maildir_content WHERE id >= (SELECT content FROM maildir_text_progress)",
      )
      .pluck();
    const end = Date.now() + PATIENCE;
    while (waiting.get() !== 0) {
      if (Date.now() > end) throw new Error(`${waiting.get()} letters were not indexed in ${PATIENCE} ms`);
      await delay(POLL);
    }
  } finally {
    db.close();
  }
}

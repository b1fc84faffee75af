import { afterEach, test } from "@jest/globals";
import * as fc from "fast-check";
import type { MailStore } from "../../../imap-front/store.ts";
import { TestHome } from "../../maildir/home.ts";
import { serve, stopServers } from "../dialogue.ts";
import { MemoryStore } from "../memory-store.ts";
import { ExactPlay } from "./exact-play.ts";
import type { Profile } from "./mirror.ts";
import { type Operation, operation, profile } from "./operation.ts";

/** `MODEL_SECONDS=600 MODEL_SEED=7 npm run test:model`: each property for so long, with that seed. */
const SECONDS = Number(process.env["MODEL_SECONDS"] ?? 0);
const SEED = process.env["MODEL_SEED"];

const profiles = fc.tuple(profile, profile, profile);
const operations = fc.array(operation, { minLength: 1, maxLength: 60, size: "max" });

/** Lines of the dialogue that a failure shows. */
const SHOWN = 80;

afterEach(stopServers);

async function play(store: MailStore, chosen: readonly Profile[], steps: readonly Operation[]): Promise<void> {
  const exact = new ExactPlay(store, await serve(store), chosen);
  try {
    await exact.play(steps);
  } catch (error) {
    throw new Error(`${String(error)}\n${exact.log.slice(-SHOWN).join("\n")}`, { cause: error });
  } finally {
    exact.close();
    await stopServers();
  }
}

function parameters<T>(numRuns: number): fc.Parameters<T> {
  return {
    numRuns: SECONDS > 0 ? Number.MAX_SAFE_INTEGER : numRuns,
    ...(SECONDS > 0 && { interruptAfterTimeLimit: SECONDS * 1000, markInterruptAsFailure: false }),
    ...(SEED !== undefined && { seed: Number(SEED) }),
  };
}

const LONGEST = (SECONDS + 300) * 1000;

test(
  "three sessions on a store in memory hear exactly what a model of RFC 9051 says",
  async () => {
    await fc.assert(
      fc.asyncProperty(profiles, operations, async (chosen, steps) => {
        await play(new MemoryStore(), chosen, steps);
      }),
      parameters(60),
    );
  },
  LONGEST,
);

test(
  "three sessions on the encrypted Maildir hear exactly what a model of RFC 9051 says",
  async () => {
    await fc.assert(
      fc.asyncProperty(profiles, operations, async (chosen, steps) => {
        const home = new TestHome();
        try {
          const maildir = await home.open();
          await play(maildir, chosen, steps);
          await maildir.close();
        } finally {
          home.remove();
        }
      }),
      parameters(8),
    );
  },
  LONGEST,
);

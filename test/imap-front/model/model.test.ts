import { afterEach, test } from "@jest/globals";
import * as fc from "fast-check";
import type { RunningImapServer } from "../../../imap-front/server.ts";
import type { MailStore } from "../../../imap-front/store.ts";
import { TestHome } from "../../maildir/home.ts";
import { serve, stopServer, stopServers } from "../dialogue.ts";
import { MemoryStore } from "../memory-store.ts";
import { ExactPlay } from "./exact-play.ts";
import { FreePlay } from "./free-play.ts";
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

async function exactly(store: MailStore, chosen: readonly Profile[], steps: readonly Operation[]): Promise<void> {
  const server = await serve(store);
  const game = new ExactPlay(store, server, chosen);
  await shown(game, game.play(steps), server);
}

type Rounds = readonly (readonly Operation[])[];

async function atOnce(store: MailStore, chosen: readonly Profile[], steps: Rounds): Promise<void> {
  const server = await serve(store);
  const game = new FreePlay(store, server, chosen);
  await shown(game, game.play(steps), server);
}

/** A failure shows the dialogue that led to it. A game that time ran out for ends later, and must not take the next one's server along. */
async function shown(game: ExactPlay | FreePlay, playing: Promise<void>, server: RunningImapServer): Promise<void> {
  try {
    await playing;
  } catch (error) {
    throw new Error(`${String(error)}\n${game.log.slice(-SHOWN).join("\n")}`, { cause: error });
  } finally {
    game.close();
    await stopServer(server);
  }
}

async function inMaildir(test: (store: MailStore) => Promise<void>): Promise<void> {
  const home = new TestHome();
  try {
    const maildir = await home.open();
    await test(maildir);
    await maildir.close();
  } finally {
    home.remove();
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

const rounds = fc.array(fc.tuple(operation, operation, operation), { minLength: 1, maxLength: 25, size: "max" });

test(
  "three sessions on a store in memory hear exactly what a model of RFC 9051 says",
  async () => {
    const property = fc.asyncProperty(profiles, operations, (chosen, steps) =>
      exactly(new MemoryStore(), chosen, steps),
    );
    await fc.assert(property, parameters(40));
  },
  LONGEST,
);

test(
  "three sessions on the encrypted Maildir hear exactly what a model of RFC 9051 says",
  async () => {
    const property = fc.asyncProperty(profiles, operations, (chosen, steps) =>
      inMaildir((store) => exactly(store, chosen, steps)),
    );
    await fc.assert(property, parameters(6));
  },
  LONGEST,
);

test(
  "three sessions at once on a store in memory are told what makes sense, and in the end what is there",
  async () => {
    const property = fc.asyncProperty(profiles, rounds, (chosen, steps) => atOnce(new MemoryStore(), chosen, steps));
    await fc.assert(property, parameters(30));
  },
  LONGEST,
);

test(
  "three sessions at once on the encrypted Maildir are told what makes sense, and in the end what is there",
  async () => {
    const property = fc.asyncProperty(profiles, rounds, (chosen, steps) =>
      inMaildir((store) => atOnce(store, chosen, steps)),
    );
    await fc.assert(property, parameters(6));
  },
  LONGEST,
);

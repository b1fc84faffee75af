import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { crashStory } from "../overlay-adapter/crash-story.ts";
import { letterCrashes } from "../overlay-adapter/letter-crashes.ts";
import { times } from "./thorough.ts";

let directory: string;
let relay: Relay;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await relay.stop();
  await rm(directory, { recursive: true });
});

test.each(["inviter", "claimant"] as const)(
  "a power cut of the %s at any step of invite, acceptance or letters loses nothing and doubles nothing",
  async (dying) => {
    let step = 1;
    while (await crashStory(relay.address, dying, step)) step++;
    expect(step).toBeGreaterThan(20);
  },
  300_000,
);

const CUTS = times(1_000);
test(`a sender whose power is cut ${CUTS} times while letters leave: each arrives once, and no key is used twice`, async () => {
  await letterCrashes(relay.address, CUTS);
});

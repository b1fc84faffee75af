import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Mark, randomOf } from "../../rig/mail-storm.ts";
import { DiskImage, LOSSES } from "./power-cut/disk-image.ts";
import { type DiskEvent, readRecording } from "./power-cut/recording.ts";
import { StormWitness } from "./storm-check.ts";

/** Storms in a row, each in what a power cut left of the one before. */
const STORMS = 6;
const CUTS_PER_STORM = 80;
const CHANGES = "30";
const SEED = process.env["POWER_CUT_SEED"] ?? String(Date.now());

const PROCESS = fileURLToPath(new URL("../../dist/rig/storm-process.js", import.meta.url));
const RECORDER = fileURLToPath(new URL("power-cut/recorder.c", import.meta.url));

let scratch: string;
/** In memory where there is such a disk: what is checked needs no disk of its own. */
let images: string;
let recorder: string;

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), "postern-power-"));
  images = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "postern-power-"));
  recorder = join(scratch, "recorder.so");
  execFileSync("gcc", ["-O1", "-shared", "-fPIC", "-o", recorder, RECORDER, "-ldl", "-lpthread"]);
});

afterAll(() => {
  for (const directory of [scratch, images]) rmSync(directory, { recursive: true, force: true });
});

/** Runs a storm in the home to its end, and gives what it did to the disk. */
function record(home: string, seed: string): DiskEvent[] {
  const [log, marks] = [join(scratch, "log"), join(scratch, "marks")];
  rmSync(log, { force: true });
  execFileSync(process.execPath, [PROCESS, home, marks, seed, CHANGES], {
    env: {
      ...process.env,
      LD_PRELOAD: recorder,
      RECORDER_DIRECTORY: home,
      RECORDER_LOG: log,
      RECORDER_MARKS: marks,
      // What the kernel does on its own nobody can write down.
      UV_USE_IO_URING: "0",
    },
  });
  return readRecording(log);
}

/** Who heard what was acknowledged in a storm and the ones before it. */
function witness(heard: readonly DiskEvent[]): StormWitness {
  const found = new StormWitness();
  for (const event of heard)
    if (event.kind === "mark") for (const line of event.text.trim().split("\n")) found.hear(JSON.parse(line) as Mark);
  return found;
}

test(`the power cut at ${STORMS * CUTS_PER_STORM} moments, with any part of what was not synced lost: nothing acknowledged is`, async () => {
  const random = randomOf(SEED);
  let home = join(scratch, "home-0");
  mkdirSync(home);
  // What was heard before the storm that runs, in the storms that the present home comes from.
  const heard: DiskEvent[] = [];
  const figures = { events: 0, cuts: 0, acknowledged: {} as Record<string, number> };
  for (let round = 0; round < STORMS; round++) {
    const before = new DiskImage(home);
    const seed = `${SEED.slice(-6)}x${round}`;
    const events = record(home, seed);
    figures.events += events.length;
    const cuts = Array.from({ length: CUTS_PER_STORM }, () => random(events.length + 1)).sort((a, b) => a - b);
    const next = random(CUTS_PER_STORM);
    const nextHome = join(scratch, `home-${round + 1}`);
    let at = 0;
    for (const [index, cut] of cuts.entries()) {
      for (; at < cut; at++) before.apply(events[at] as DiskEvent);
      const image = join(images, "image");
      const loss = LOSSES[index % LOSSES.length] ?? "random";
      before.materialise(image, loss, randomOf(`${SEED} ${round} ${index}`));
      if (index === next) cpSync(image, nextHome, { recursive: true });
      const heardNow = witness([...heard, ...events.slice(0, cut)]);
      const wrong = await heardNow.check(image);
      expect({ seed: SEED, round, cut: `${cut} of ${events.length}`, loss, wrong }).toMatchObject({ wrong: [] });
      if (index === next) figures.acknowledged = heardNow.acknowledged;
      rmSync(image, { recursive: true });
      figures.cuts++;
    }
    heard.push(...events.slice(0, cuts[next]));
    rmSync(home, { recursive: true });
    home = nextHome;
  }
  console.log(`seed ${SEED}: ${figures.cuts} power cuts in ${figures.events} steps of the disk`, figures.acknowledged);
});

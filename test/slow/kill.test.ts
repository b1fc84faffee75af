import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "@jest/globals";
import { type Mark, randomOf } from "../../rig/mail-storm.ts";
import { StormWitness } from "./storm-check.ts";
import { times } from "./thorough.ts";

const KILLS = times(500);
const SEED = process.env["KILL_SEED"] ?? String(Date.now());
const PROCESS = fileURLToPath(new URL("../../dist/rig/storm-process.js", import.meta.url));

/** How far a storm comes before it is killed: so many marks, and then some milliseconds more. */
const MARKS = 150;
const MILLISECONDS = 12;

/** Whole lines alone: a kill may come while one is written. */
function marksIn(path: string): Mark[] {
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Mark);
}

function startStorm(
  home: string,
  marks: string,
  seed: string,
): { child: ChildProcess; marked: (count: number) => Promise<void> } {
  const child = spawn(process.execPath, [PROCESS, home, marks, seed, "1000000"], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let count = 0;
  let wake = (): void => undefined;
  child.stdout.on("data", (octets: Buffer) => {
    count += octets.length;
    wake();
  });
  child.once("exit", () => wake());
  return {
    child,
    async marked(wanted) {
      while (count < wanted && child.exitCode === null) await new Promise<void>((resolve) => (wake = resolve));
      if (child.exitCode !== null) throw new Error(`the storm ended by itself with ${child.exitCode}`);
    },
  };
}

test(`killed ${KILLS} times at random moments of many changes: what was acknowledged is there, once, under its numbers`, async () => {
  const scratch = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "postern-kill-"));
  try {
    const random = randomOf(SEED);
    // What a killed process wrote stays written, so a disk in memory will do.
    const home = join(scratch, "home");
    mkdirSync(home);
    const witness = new StormWitness();
    for (let kill = 0; kill < KILLS; kill++) {
      const marks = join(scratch, `marks-${kill}`);
      const { child, marked } = startStorm(home, marks, `${SEED.slice(-6)}x${kill}`);
      const gone = once(child, "exit");
      // At zero it is still opening what the last kill left.
      await marked(kill % 8 === 0 ? 0 : random(MARKS));
      await new Promise((resolve) => setTimeout(resolve, random(kill % 8 === 0 ? 150 : MILLISECONDS)));
      child.kill("SIGKILL");
      await gone;
      for (const mark of marksIn(marks)) witness.hear(mark);
      rmSync(marks, { force: true });
      const wrong = await witness.check(home);
      expect({ seed: SEED, kill, wrong }).toMatchObject({ wrong: [] });
    }
    expect(Object.keys(witness.acknowledged)).toEqual(
      expect.arrayContaining(["append", "deliver", "store", "copy", "move", "expunge", "create", "rename", "remove"]),
    );
    console.log(`seed ${SEED}: acknowledged in ${KILLS} lives`, witness.acknowledged);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}, 1_200_000);

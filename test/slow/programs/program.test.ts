import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { programPath, RunningProgram, run } from "./program.ts";

let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "postern-program-"));
});

afterAll(() => {
  rmSync(home, { recursive: true });
});

test("a program that is not installed is told with the package that brings it", () => {
  expect(() => programPath("no-such-mail-program", "mail-program")).toThrow(
    "no-such-mail-program is not installed: run test/slow/install-programs.sh as root, or install the package mail-program",
  );
});

test("a program that takes too long is ended, with what it started", async () => {
  const sleeping = run("/bin/sh", ["-c", "echo waiting >&2; sleep 300; true"], { home, patience: 300 });
  await expect(sleeping).rejects.toThrow("did not end in 300 ms; it said: waiting");
});

test("a program that does not listen to SIGTERM is ended all the same", async () => {
  const program = RunningProgram.start("/bin/sh", ["-c", "trap '' TERM; echo deaf; while :; do sleep 1; done"], {
    home,
  });
  while (!program.lastWords.includes("deaf")) await new Promise((resolve) => setTimeout(resolve, 10));
  await program.stop(200);
  expect(program.ended).toBe(true);
});

import { expect, test } from "@jest/globals";
import { fuzzTarget } from "./fuzz-target.ts";
import { targets } from "./targets.ts";

/** Few enough for each run of the tests, on a slow machine too; `npm run fuzz` goes on for as long as it is told to. */
const INPUTS = 3_000;
const MILLISECONDS = 2_000;
/** Only what never ends is too slow for a test: the machine may be busy with anything. */
const PATIENCE = 100;
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);

test.each(targets)("$name stands every input", async (target) => {
  const end = performance.now() + MILLISECONDS;
  const enough = (inputs: number) => inputs >= INPUTS || performance.now() > end;
  const { finding } = await fuzzTarget(target, { seed: SEED, enough, patience: PATIENCE });
  expect(
    finding && { what: finding.what, input: finding.input.toString("latin1"), batch: finding.batch },
  ).toBeUndefined();
});

test("what does not stand an input is found, and the input made small", async () => {
  const target = {
    name: "weak",
    seeds: [Buffer.from("a long beginning ! and a long end")],
    tokens: ["?"],
    structured: (await import("fast-check")).constant(Buffer.from("nothing")),
    run(input: Buffer) {
      if (input.includes("!")) throw new Error("an exclamation mark");
    },
  };
  const { finding } = await fuzzTarget(target, { seed: 1, enough: (inputs) => inputs > 10_000, patience: PATIENCE });
  expect(finding?.input.toString()).toBe("!");
});

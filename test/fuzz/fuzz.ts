import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import type { Finding } from "./fuzz-target.ts";
import { faultOf } from "./fuzz-target.ts";
import { targets } from "./targets.ts";
import type { Report, WorkOrder } from "./worker.ts";

/** An input that takes longer than this hangs, whatever its size. */
const HANG = 120_000;
/** Heap of the thread that reads; no input needs a hundredth of it. */
const HEAP_MB = 384;
const INPUT_ROOM = 256 * 1024;

const HELP = `Feeds the readers of octets from outside with inputs made after their grammar and with mutations, and looks for a
crash, a hang, time that grows faster than the input, and memory without bound.

  npm run fuzz -- --seconds 60 --seed 1 --target mime
  npm run fuzz -- --target mime --replay FILE

  --target NAME    one of ${targets.map(({ name }) => name).join(", ")};
                   all in turn unless given; may be given several times
  --seconds N      for each target; 30 unless given
  --seed N         a seed gives the same inputs again; from the clock unless given
  --from N         begins with this batch, to go on where another run ended
  --out FOLDER     for inputs that did not stand; ${tmpdir()} unless given
  --replay FILE    runs one saved input

What does not stand is made small, saved, and named; the exit status is 1 then, and 2 for a wrong option.`;

const OPTIONS = {
  seconds: { type: "string", default: "30" },
  seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  from: { type: "string", default: "0" },
  target: { type: "string", multiple: true },
  replay: { type: "string" },
  out: { type: "string", default: tmpdir() },
  help: { type: "boolean", short: "h" },
} as const;

const { values, chosen } = readOptions();

function readOptions() {
  try {
    const { values } = parseArgs({ options: OPTIONS });
    if (values.help === true) {
      console.log(HELP);
      process.exit(0);
    }
    for (const name of values.target ?? [])
      if (!targets.some((target) => target.name === name)) throw new Error(`there is no target ${name}`);
    for (const name of ["seconds", "seed", "from"] as const)
      if (!/^[0-9]{1,10}$/.test(values[name])) throw new Error(`--${name} takes a whole number`);
    return { values, chosen: targets.filter(({ name }) => values.target?.includes(name) ?? true) };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${HELP}`);
    process.exit(2);
  }
}

function save({ target, seed, batch, input, what }: Finding): void {
  const file = join(values.out, `fuzz-${target}-${seed}-${batch}.bin`);
  writeFileSync(file, input);
  console.log(`${target}: FOUND, ${input.length} octets, saved as ${file}\n  ${what.replaceAll("\n", "\n  ")}`);
  console.log(`  again: npm run fuzz -- --target ${target} --replay ${file}`);
  process.exitCode = 1;
}

/** Runs one target in a thread of its own, which can be ended if it hangs. */
async function runTarget(name: string): Promise<void> {
  const shared = new SharedArrayBuffer(8 + INPUT_ROOM);
  const head = new Int32Array(shared, 0, 2);
  const order: WorkOrder = {
    target: name,
    seed: Number(values.seed),
    from: Number(values.from),
    seconds: Number(values.seconds),
    shared,
  };
  const worker = new Worker(new URL("./worker.js", import.meta.url), {
    workerData: order,
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  });
  const current = () => Buffer.from(new Uint8Array(shared, 8, Math.min(INPUT_ROOM, Atomics.load(head, 1))));
  let last = -1;
  let still = performance.now();
  const watch = setInterval(() => {
    const count = Atomics.load(head, 0);
    if (count !== last) {
      last = count;
      still = performance.now();
    } else if (performance.now() - still > HANG) {
      save({ target: name, seed: order.seed, batch: -1, input: current(), what: `did not end within ${HANG} ms` });
      void worker.terminate();
    }
  }, 1000);
  await new Promise<void>((resolve) => {
    worker.once("message", ({ inputs, seconds, finding, peakMb }: Report) => {
      const rate = Math.round(inputs / seconds);
      console.log(
        `${name}: ${inputs} inputs in ${Math.round(seconds)} s, ${rate}/s, seed ${order.seed}, at most ${peakMb} MB`,
      );
      if (finding !== undefined) save({ ...finding, input: Buffer.from(finding.input) });
    });
    worker.once("error", (error: Error) => {
      save({ target: name, seed: order.seed, batch: -1, input: current(), what: error.message });
    });
    worker.once("exit", () => resolve());
  });
  clearInterval(watch);
}

if (values.replay === undefined) {
  for (const { name } of chosen) await runTarget(name);
} else {
  const input = readFileSync(values.replay);
  for (const target of chosen) console.log(`${target.name}: ${(await faultOf(target, input)) ?? "stands it"}`);
}

import { percentile } from "../report.ts";
import type { Bed } from "./bed.ts";
import type { Row } from "./row.ts";
import type { ServerName } from "./servers.ts";

/** What one server showed in one row. */
export interface Outcome {
  readonly server: ServerName;
  /** For each figure the median of the samples that count; empty where an answer was wrong. */
  readonly medians: readonly number[];
  /** For each figure all samples, those of the warm-up too. */
  readonly samples: readonly (readonly number[])[];
  /** Why the row does not count for this server. */
  readonly wrong?: string;
}

/** Milliseconds that one server may take for the samples of one row; after that no more are taken. */
const BUDGET = 60_000;

/** Takes the samples of a row, so many at most, in turn: A B C A B C. */
export async function measureRow(row: Row, beds: readonly Bed[], most: number): Promise<Outcome[]> {
  const runs = beds.map((bed) => ({ bed, samples: [] as (readonly number[])[], spent: 0, wrong: "" }));
  const attempt = async (run: (typeof runs)[number], work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      run.wrong = error instanceof Error ? error.message : String(error);
      await run.bed.leave();
    }
  };
  for (const run of runs) {
    await attempt(run, async () => {
      if (row.needs !== "nothing") await run.bed.settle();
      await row.prepare?.(run.bed);
    });
  }
  for (let sample = 0; sample < Math.min(row.samples, most); sample++) {
    for (const run of runs) {
      if (run.wrong !== "" || run.spent > BUDGET) continue;
      await attempt(run, async () => {
        const started = performance.now();
        run.samples.push(await row.measure(run.bed, sample));
        run.spent += performance.now() - started;
      });
    }
  }
  return runs.map(({ bed, samples, wrong }) => {
    const server = bed.server.name;
    const byFigure = row.figures.map((_, index) => samples.map((values) => values[index] ?? Number.NaN));
    if (wrong !== "") return { server, medians: [], samples: byFigure, wrong };
    const counting = byFigure.map((values) => (values.length > 1 ? values.slice(row.warmUp ?? 0) : values));
    return { server, medians: counting.map((values) => percentile(values, 50)), samples: byFigure };
  });
}

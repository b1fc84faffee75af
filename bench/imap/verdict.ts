import type { Outcome } from "./measure-row.ts";
import type { Figure, Row } from "./row.ts";
import type { ServerName } from "./servers.ts";

/** One line of the table. */
export interface Verdict {
  readonly row: string;
  readonly figure: string;
  readonly unit: string;
  /** Medians; undefined where the server was not measured or answered wrong. */
  readonly medians: Readonly<Partial<Record<ServerName, number>>>;
  readonly samples: Readonly<Partial<Record<ServerName, readonly number[]>>>;
  /** How many times better ours is than Dovecot without and with mail_crypt, 1 where they are equal. */
  readonly timesPlain?: number;
  readonly timesCrypt?: number;
  /** What the aim says and the figure does not keep, in words; empty where it keeps all. */
  readonly misses: readonly string[];
  /** By server: why its answer does not count. */
  readonly wrong: Readonly<Partial<Record<ServerName, string>>>;
}

/** A time below this, in the figure's unit, cannot be told from none; ratios are taken from here. */
const LEAST = 0.01;

export function judge(row: Row, outcomes: readonly Outcome[]): Verdict[] {
  const wrong = Object.fromEntries(
    outcomes.flatMap((outcome) => (outcome.wrong === undefined ? [] : [[outcome.server, outcome.wrong]])),
  );
  return row.figures.map((figure, index) => {
    const medians: Partial<Record<ServerName, number>> = {};
    const samples: Partial<Record<ServerName, readonly number[]>> = {};
    for (const outcome of outcomes) {
      const median = outcome.medians[index];
      if (median !== undefined) medians[outcome.server] = median;
      samples[outcome.server] = outcome.samples[index] ?? [];
    }
    const timesPlain = timesBetter(figure, medians.postern, medians.dovecot);
    const timesCrypt = timesBetter(figure, medians.postern, medians.mail_crypt);
    const { plain, crypt, atMost } = figure.aim;
    const misses: string[] = [];
    if (wrong["postern"] !== undefined) misses.push(`a wrong answer: ${wrong["postern"]}`);
    if (falls(timesPlain, plain)) misses.push(`${formatTimes(timesPlain)} of Dovecot's speed, not ${plain}`);
    if (falls(timesCrypt, crypt)) misses.push(`${formatTimes(timesCrypt)} of mail_crypt's speed, not ${crypt}`);
    if (atMost !== undefined && (medians.postern ?? 0) > atMost)
      misses.push(`${formatValue(medians.postern)} ${figure.unit}, not ${atMost} at most`);
    return {
      row: row.id,
      figure: figure.name,
      unit: figure.unit,
      medians,
      samples,
      ...(timesPlain === undefined ? {} : { timesPlain }),
      ...(timesCrypt === undefined ? {} : { timesCrypt }),
      misses,
      wrong,
    };
  });
}

function timesBetter(figure: Figure, ours: number | undefined, theirs: number | undefined): number | undefined {
  if (ours === undefined || theirs === undefined) return undefined;
  const [mine, other] = [Math.max(ours, LEAST), Math.max(theirs, LEAST)];
  return figure.better === "lower" ? other / mine : mine / other;
}

function falls(times: number | undefined, aim: number | undefined): times is number {
  return times !== undefined && aim !== undefined && times < aim;
}

/** Three digits that count, without an exponent. */
export function formatValue(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "-";
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

export function formatTimes(times: number | undefined): string {
  return times === undefined ? "" : `x${formatValue(times)}`;
}

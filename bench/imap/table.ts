import { formatTimes, formatValue, type Verdict } from "./verdict.ts";

const NAME = 62;
const VALUE = 10;

function line(name: string, cells: readonly string[]): string {
  return `${name.padEnd(NAME)} ${cells.map((cell) => cell.padStart(VALUE)).join(" ")}`;
}

export function formatHeading(): string {
  return line("", ["Postern", "Dovecot", "mail_crypt", "x Dovecot", "x m_crypt"]);
}

/** One line: the medians, and how many times better ours is; `!` stands after a figure that misses its aim. */
export function formatVerdict({ figure, unit, medians, timesPlain, timesCrypt, misses, wrong }: Verdict): string {
  const cell = (server: keyof Verdict["medians"]): string =>
    wrong[server] === undefined ? formatValue(medians[server]) : "wrong";
  const cells = [
    cell("postern"),
    cell("dovecot"),
    cell("mail_crypt"),
    formatTimes(timesPlain),
    formatTimes(timesCrypt),
  ];
  const name = unit === "" ? figure : `${figure} [${unit}]`;
  return `${line(name, cells)}${misses.length > 0 ? " !" : ""}`;
}

/** What misses its aim and what was wrong, each on a line, to be read after the table. */
export function formatSummary(verdicts: readonly Verdict[]): string {
  const judged = verdicts.filter(({ misses }) => misses.length > 0);
  const lines = judged.map(({ figure, misses }) => `  ${figure}: ${misses.join("; ")}`);
  const wrong = new Set(
    verdicts.flatMap((verdict) =>
      Object.entries(verdict.wrong).map(([server, reason]) => `  ${verdict.row}, ${server}: ${reason}`),
    ),
  );
  const parts = [
    lines.length === 0
      ? "Every figure keeps its aim."
      : `${lines.length} of ${verdicts.length} figures miss their aim:`,
    ...lines,
    ...(wrong.size === 0 ? [] : ["Answers that were wrong, and rows that so do not count:", ...wrong]),
  ];
  return parts.join("\n");
}

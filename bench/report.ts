/** The smallest value that at least so many percent of the values do not exceed. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((sorted.length * percent) / 100) - 1)] ?? Number.NaN;
}

/** Prints one figure a line: aligned for a person, or as JSON for programs. */
export function row(json: boolean): (name: string, value: string) => void {
  return (name, value) => console.log(json ? JSON.stringify({ name, value }) : `${name.padEnd(64)} ${value}`);
}

import type { Logger, LogLevel } from "../../foundation/logger.ts";

const ORDER: readonly LogLevel[] = ["error", "warn", "info", "debug"];

/** Writes what happens to standard error: a line a time, as text or as JSON. */
export function createStderrLogger(level: LogLevel, json: boolean): Logger {
  return (of, event, details = {}) => {
    if (ORDER.indexOf(of) > ORDER.indexOf(level)) return;
    const time = new Date().toISOString();
    const text = json
      ? JSON.stringify({ time, level: of, event, ...details })
      : [time, of, event, ...Object.entries(details).map(([name, value]) => `${name}=${value}`)].join(" ");
    process.stderr.write(`${text}\n`);
  };
}

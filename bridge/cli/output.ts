import { Failure, type FailureCode, storageFailure } from "../../foundation/failure.ts";

/** Exit statuses, so that scripts can tell failures apart; `postern --help` lists them. */
export const EXIT_STATUS: Readonly<Record<FailureCode | "bug" | "usage", number>> = {
  bug: 1,
  usage: 2,
  invalid: 2,
  busy: 3,
  locked: 4,
  unavailable: 5,
  nonexistent: 6,
  "already-exists": 7,
  full: 8,
  damaged: 9,
  forbidden: 10,
  "too-big": 11,
};

/** What a command prints: a JSON object on one line with `--json`, else text for a person. */
export interface Output {
  readonly json: boolean;
  /** Whether standard error is a terminal that a person looks at. */
  readonly terminal: boolean;
  result(value: object, text: string): void;
  /** On standard error, for a person alone. */
  note(text: string): void;
  /** A line that is written over by the next one; only where standard error is a terminal. */
  progress(text: string): void;
  /** On standard error, for programs alone: what happens meanwhile, a JSON object a line. */
  event(value: object): void;
}

export function createOutput(json: boolean): Output {
  const terminal = !json && process.stderr.isTTY;
  let progressShown = false;
  const clear = () => {
    if (progressShown) process.stderr.write("\r\x1b[K");
    progressShown = false;
  };
  return {
    json,
    terminal,
    result(value, text) {
      clear();
      process.stdout.write(json ? `${JSON.stringify(value)}\n` : `${text}\n`);
    },
    note(text) {
      clear();
      if (!json) process.stderr.write(`${text}\n`);
    },
    progress(text) {
      if (!terminal) return;
      process.stderr.write(`\r\x1b[K${withinLine(text)}`);
      progressShown = true;
    },
    event(value) {
      if (json) process.stderr.write(`${JSON.stringify(value)}\n`);
    },
  };
}

/** A line that wraps cannot be written over; control characters in it come from elsewhere. */
function withinLine(text: string): string {
  return text.replace(/\p{Cc}/gu, "?").slice(0, (process.stderr.columns ?? 80) - 1);
}

/** Prints why a command failed and gives the exit status. Only a bug shows its stack. */
export function reportFailure(thrown: unknown, json: boolean): number {
  const error = storageFailure(thrown);
  const code = error instanceof Failure ? error.code : "bug";
  const message = error instanceof Error ? error.message : String(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`);
  process.stderr.write(`postern: ${message}\n`);
  if (!(error instanceof Failure) && error instanceof Error) process.stderr.write(`${error.stack ?? ""}\n`);
  return EXIT_STATUS[code];
}

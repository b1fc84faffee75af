import { Failure } from "../../foundation/failure.ts";

/** Exit status of a process that the interrupt key ended. */
const INTERRUPTED = 130;

/** Does work that SIGINT or SIGTERM stops in an orderly way; a second signal ends the process at once. */
export async function interruptible<T>(advice: string, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const interrupt = (): void => {
    if (stop.signal.aborted) process.exit(INTERRUPTED);
    stop.abort(new Failure("unavailable", `stopped: ${advice}`));
  };
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work(stop.signal);
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

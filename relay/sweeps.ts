import type { Logger } from "../foundation/logger.ts";
import type { RelayState } from "./command/context.ts";
import type { Connection } from "./connection.ts";
import type { Doorkeeper } from "./doorkeeper.ts";

/** A tick of the relay's own time is a sweep, and a sweep may come late, but not by more than this factor. */
export const LATE_SWEEP = 1.5;

/** Removes what is expired, at once and then at each interval, and drops connections that fell silent or have no business here. */
export function startSweeps(
  state: RelayState,
  connections: ReadonlySet<Connection>,
  doorkeeper: Doorkeeper,
  logger: Logger,
): { stop(): Promise<void> } {
  const { clock, time, limits, store, counters } = state;
  let running: Promise<void> | undefined;
  let again = false;
  let cancelSweep = (): void => undefined;
  let cancelIdle = (): void => undefined;

  async function sweepStore(): Promise<void> {
    const now = time.now();
    try {
      await store.saveLivedTime(now);
      const expired = await store.queues.expire(now - limits.cellLifetime, now - limits.queueIdleLifetime);
      counters.add("cells_expired", expired.cells);
      counters.add("queues_expired", expired.queues);
      counters.add("blobs_expired", await store.blobs.expire(now - limits.cellLifetime));
      await store.slots.expire(now, now - limits.slotAftermath);
    } catch (error) {
      logger("warn", "relay could not remove what is expired", { cause: String(error) });
    }
  }
  function sweep(): void {
    time.tick();
    if (running === undefined) running = sweepStore().then(swept);
    else again = true;
    cancelSweep = clock.after(limits.sweepInterval, sweep);
  }
  function swept(): void {
    running = undefined;
    if (again) running = sweepStore().then(swept);
    again = false;
  }
  function dropIdle(): void {
    const now = clock.now();
    for (const connection of connections) connection.dropIfIdle(now);
    doorkeeper.tidy();
    cancelIdle = clock.after(limits.strangerTimeout / 4, dropIdle);
  }
  sweep();
  dropIdle();
  return {
    async stop() {
      cancelSweep();
      cancelIdle();
      again = false;
      await running;
    },
  };
}

import { networkInterfaces } from "node:os";
import type { Clock } from "../../foundation/clock.ts";
import { NETWORK_INTERVAL } from "../limits.ts";

/** Tells when it is worth trying again before the time. */
export interface NetworkWatch {
  /** The result ends it. */
  watch(onChange: () => void): () => void;
}

/** How much later than asked for a timer may come before the machine must have slept. */
const SLEPT = 3 * NETWORK_INTERVAL;

/**
 * Looks at this machine's addresses every few seconds: it has others when a cable, a radio network or a tunnel came or
 * went, and a timer that comes far too late says that it has slept. Nothing is sent to anybody.
 */
export function localNetwork(clock: Clock, addresses: () => string = ownAddresses): NetworkWatch {
  return {
    watch(onChange) {
      let before = addresses();
      let lookedAt = clock.now();
      const look = (): void => {
        cancel = clock.after(NETWORK_INTERVAL, look);
        const [now, at] = [addresses(), clock.now()];
        const changed = now !== before || at - lookedAt > SLEPT;
        before = now;
        lookedAt = at;
        // Where no network is left, nothing can be tried.
        if (changed && now !== "") onChange();
      };
      let cancel = clock.after(NETWORK_INTERVAL, look);
      return () => cancel();
    },
  };
}

/** Those at which others may be reached; empty without a network. */
function ownAddresses(): string {
  return Object.entries(networkInterfaces())
    .flatMap(([name, all = []]) => all.filter(({ internal }) => !internal).map(({ cidr }) => `${name} ${cidr}`))
    .sort()
    .join(",");
}

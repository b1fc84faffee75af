/** What a relay counts since its start: how many, never who, which or when. */
const COUNTERS = {
  connections_accepted: "TCP connections that were let in",
  connections_refused: "TCP connections that were refused, from a source in a hurry or because the relay is full",
  connections_evicted: "connections without business here that had to make room",
  cells_received: "cells taken into a queue",
  cells_sent: "cells pushed to readers",
  cells_acknowledged: "cells deleted by their readers",
  cells_expired: "cells that nobody read in time",
  queues_created: "queues made; a repeated command counts again",
  queues_expired: "queues removed because nobody read them, or with their token",
  blobs_created: "blobs made; one that is gone on with counts again",
  blobs_expired: "blobs removed because not all of their readers came, or with their token",
  blob_octets_received: "octets of blobs written",
  blob_octets_sent: "octets of blobs read",
  forwards: "connections that strangers were led to other relays by",
  commands: "commands carried out",
  refusals: "commands refused",
  storage_failures: "commands that the store could not carry out",
} as const;

export type CounterName = keyof typeof COUNTERS;

export class Counters {
  readonly #values = new Map<CounterName, number>();

  add(name: CounterName, count = 1): void {
    this.#values.set(name, this.get(name) + count);
  }

  get(name: CounterName): number {
    return this.#values.get(name) ?? 0;
  }

  *[Symbol.iterator](): Generator<{ readonly name: CounterName; readonly help: string; readonly value: number }> {
    for (const [name, help] of Object.entries(COUNTERS) as [CounterName, string][])
      yield { name, help, value: this.get(name) };
  }
}

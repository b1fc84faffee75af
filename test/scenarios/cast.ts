import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "@jest/globals";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import { startRelay } from "../../relay/relay.ts";
import { parseRelayUrl, type RelayAddress } from "../../relay/relay-url.ts";
import { befriend, type HomeCopy, Person, type PersonOptions } from "../overlay-adapter/person.ts";

export interface Cast {
  readonly relay: () => RelayAddress;
  readonly person: (copy?: HomeCopy, extra?: PersonOptions) => Person;
  readonly copyOf: (one: Person) => Promise<HomeCopy>;
}

/** A relay for a file of scenarios, and people who are gone after each test. */
export function cast(): Cast {
  const directory = mkdtempSync(join(tmpdir(), "postern-scenario-relay-"));
  let relay: Awaited<ReturnType<typeof startRelay>>;
  let address: RelayAddress;
  const people: Person[] = [];
  const copies: HomeCopy[] = [];

  beforeAll(async () => {
    relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
    address = parseRelayUrl(relay.url);
  });
  afterEach(async () => {
    await Promise.all(people.splice(0).map((person) => person.close()));
    for (const { home } of copies.splice(0)) rmSync(home, { recursive: true, force: true });
  });
  afterAll(async () => {
    await relay.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  return {
    relay: () => address,
    person(copy, extra = {}) {
      const made = new Person(address, extra, copy);
      people.push(made);
      return made;
    },
    async copyOf(one) {
      const copy = await one.copyHome();
      copies.push(copy);
      return copy;
    },
  };
}

/** Each other's verified contacts. */
export async function verified(one: Person, other: Person): Promise<void> {
  await befriend(one, other);
  one.contacts.setState(other.label, "verified");
  other.contacts.setState(one.label, "verified");
}

/** Real time that can be put forward; pauses up to 20 seconds are a tenth. */
export class SkippingClock implements Clock {
  #ahead = 0;

  now(): number {
    return Date.now() + this.#ahead;
  }

  after(delay: number, callback: () => void): () => void {
    return systemClock.after(delay <= 20_000 ? delay / 10 : delay, callback);
  }

  skip(milliseconds: number): void {
    this.#ahead += milliseconds;
  }
}

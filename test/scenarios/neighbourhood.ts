import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person } from "../overlay-adapter/person.ts";
import { DaysClock } from "./days-clock.ts";

/** A relay and the people who use it, all in this process and on one clock. */
export class Neighbourhood {
  readonly clock = new DaysClock();
  readonly #people: Person[] = [];
  readonly #directory: string;
  readonly relay: Relay;

  private constructor(directory: string, relay: Relay) {
    this.#directory = directory;
    this.relay = relay;
  }

  static async open(): Promise<Neighbourhood> {
    const directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
    return new Neighbourhood(directory, await startRelay({ directory, host: "127.0.0.1", port: 0 }));
  }

  /** Somebody new; `extra` replaces parts of the overlay. */
  person(extra: ConstructorParameters<typeof Person>[1] = {}): Person {
    const made = new Person(this.relay.address, { clock: this.clock, ...extra });
    this.#people.push(made);
    return made;
  }

  /** Two who are each other's contacts already. */
  async friends(): Promise<[Person, Person]> {
    const both: [Person, Person] = [this.person(), this.person()];
    await befriend(...both, this.clock);
    return both;
  }

  /** Everybody goes; the relay stays. */
  async leave(): Promise<void> {
    await Promise.all(this.#people.splice(0).map((person) => person.close()));
  }

  async close(): Promise<void> {
    await this.leave();
    await this.relay.stop();
    await rm(this.#directory, { recursive: true });
  }
}

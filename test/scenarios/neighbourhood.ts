import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { befriend, Person } from "../overlay-adapter/person.ts";
import { FakeClock } from "../relay/fake-clock.ts";
import { DaysClock, MINUTE } from "./days-clock.ts";

/** A relay and the people who use it, all in this process. */
export class Neighbourhood {
  readonly clock = new DaysClock();
  readonly #people: Person[] = [];
  readonly #directory: string;
  readonly #relayClock: FakeClock;
  readonly relay: Relay;

  private constructor(directory: string, relay: Relay, relayClock: FakeClock) {
    this.#directory = directory;
    this.relay = relay;
    this.#relayClock = relayClock;
  }

  /** The relay's own time stands still but for `pass`. */
  static async open(): Promise<Neighbourhood> {
    const directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
    const clock = new FakeClock();
    clock.leap(Date.now() - clock.now());
    // Rates are for real time, and each look at idle connections would take a step of the clock.
    const rate = { perSecond: 1e6, burst: 1e9 };
    const limits = { strangerTimeout: 60 * MINUTE, commandRate: rate, sourceCommandRate: rate };
    const relay = await startRelay({ directory, host: "127.0.0.1", port: 0, clock, limits });
    return new Neighbourhood(directory, relay, clock);
  }

  /** Time passes for everybody: the relay lives through it, and deletes what nobody fetched in 21 days. */
  pass(milliseconds: number): void {
    this.#relayClock.advance(milliseconds);
    this.clock.pass(milliseconds);
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

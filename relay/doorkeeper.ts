import { isIPv6 } from "node:net";
import type { Clock } from "../foundation/clock.ts";
import { Bucket } from "./bucket.ts";
import type { Counters } from "./counters.ts";
import type { RelayLimits } from "./limits.ts";

type DoorLimits = Pick<
  RelayLimits,
  | "connections"
  | "strangersPerSource"
  | "connectionRate"
  | "commandRate"
  | "sourceCommandRate"
  | "refusalRate"
  | "sources"
>;

/** Where connections come from: one IPv4 address, or the /64 of an IPv6 address, which one customer has whole. */
interface Source {
  readonly name: string;
  readonly strangers: Set<Guest>;
  readonly arrivals: Bucket;
  readonly commands: Bucket;
}

/**
 * Decides who may be connected. Whoever has not yet shown to have business here, by a command that takes a key or a
 * token, is a stranger: there are only so many from one source, and when the relay is full the one that came first makes
 * room. So strangers cannot keep out those who have mail, however many connections they open. Connections from this
 * machine itself come through Tor or a proxy, from anybody: of them only the whole is bounded.
 */
export class Doorkeeper {
  readonly #limits: DoorLimits;
  readonly #clock: Clock;
  readonly #counters: Counters;
  readonly #sources = new Map<string, Source>();
  /** Of all sources, in the order in which they came. */
  readonly #strangers = new Set<Guest>();
  #connections = 0;

  constructor(limits: DoorLimits, clock: Clock, counters: Counters) {
    this.#limits = limits;
    this.#clock = clock;
    this.#counters = counters;
  }

  /** Undefined where it may not come in; `close` ends it, should it have to make room. To be told when it left. */
  admit(address: string, close: () => void): Guest | undefined {
    const source = this.#source(address);
    if (source?.arrivals.tryTake(this.#clock.now()) === false) return this.#refuse();
    if (source !== undefined && source.strangers.size >= this.#limits.strangersPerSource) this.#evict(source.strangers);
    if (this.#connections >= this.#limits.connections && !this.#evict(this.#strangers)) return this.#refuse();
    this.#connections++;
    this.#counters.add("connections_accepted");
    const guest = new Guest(this.#limits, this.#clock, source?.commands, {
      close,
      proved: () => this.#forget(guest, source),
      left: () => {
        this.#connections--;
        this.#forget(guest, source);
      },
    });
    this.#strangers.add(guest);
    source?.strangers.add(guest);
    return guest;
  }

  /** Forgets sources that have nothing to be remembered. To be called now and then. */
  tidy(): void {
    const now = this.#clock.now();
    for (const { name, strangers, arrivals, commands } of this.#sources.values())
      if (strangers.size === 0 && arrivals.isFull(now) && commands.isFull(now)) this.#sources.delete(name);
  }

  #source(address: string): Source | undefined {
    const name = sourceOf(address);
    if (name === undefined) return undefined;
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    if (this.#sources.size >= this.#limits.sources) this.tidy();
    const now = this.#clock.now();
    const source: Source = {
      name,
      strangers: new Set(),
      arrivals: new Bucket(this.#limits.connectionRate, now),
      commands: new Bucket(this.#limits.sourceCommandRate, now),
    };
    // So many at once are no accident; what is not remembered is bounded by the whole alone.
    if (this.#sources.size < this.#limits.sources) this.#sources.set(name, source);
    return source;
  }

  #forget(guest: Guest, source: Source | undefined): void {
    this.#strangers.delete(guest);
    source?.strangers.delete(guest);
  }

  #evict(strangers: ReadonlySet<Guest>): boolean {
    const [oldest] = strangers;
    if (oldest === undefined) return false;
    this.#counters.add("connections_evicted");
    oldest.evict();
    return true;
  }

  #refuse(): undefined {
    this.#counters.add("connections_refused");
  }
}

interface Door {
  readonly close: () => void;
  readonly proved: () => void;
  readonly left: () => void;
}

/** One connection as the doorkeeper knows it. */
export class Guest {
  readonly #clock: Clock;
  readonly #commands: Bucket;
  readonly #refusals: Bucket;
  readonly #ofSource: Bucket | undefined;
  readonly #door: Door;
  #proven = false;
  #gone = false;

  constructor(limits: DoorLimits, clock: Clock, ofSource: Bucket | undefined, door: Door) {
    this.#clock = clock;
    this.#commands = new Bucket(limits.commandRate, clock.now());
    this.#refusals = new Bucket(limits.refusalRate, clock.now());
    this.#ofSource = ofSource;
    this.#door = door;
  }

  /** False for a stranger. */
  get proven(): boolean {
    return this.#proven;
  }

  /** It has shown a key or a token that is good for something here. */
  prove(): void {
    if (this.#proven) return;
    this.#proven = true;
    this.#door.proved();
  }

  /** A command came that counts for so many; for so many milliseconds none should be read from it. */
  commanded(cost = 1): number {
    const now = this.#clock.now();
    return Math.max(this.#commands.take(now, cost), this.#ofSource?.take(now, cost) ?? 0);
  }

  /** It was refused for want of a key or a token; for so many milliseconds nothing should be read from it. */
  refused(): number {
    return this.#refusals.take(this.#clock.now());
  }

  /** Its connection is over. */
  leave(): void {
    if (this.#gone) return;
    this.#gone = true;
    this.#door.left();
  }

  evict(): void {
    this.leave();
    this.#door.close();
  }
}

/** What connections from this address count for together; undefined for this machine itself. */
export function sourceOf(address: string): string | undefined {
  const plain = address.replace(/^::ffff:/i, "");
  if (plain === "::1" || plain.startsWith("127.") || plain === "") return undefined;
  return isIPv6(plain) ? prefix64(plain) : plain;
}

function prefix64(address: string): string {
  const [head = "", tail] = (address.split("%")[0] ?? "").split("::");
  const front = head === "" ? [] : head.split(":");
  const back = tail === undefined || tail === "" ? [] : tail.split(":");
  const groups = [...front, ...Array<string>(Math.max(0, 8 - front.length - back.length)).fill("0"), ...back];
  return groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, "").toLowerCase())
    .join(":");
}

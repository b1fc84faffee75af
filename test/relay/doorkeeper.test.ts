import { expect, test } from "@jest/globals";
import { Counters } from "../../relay/counters.ts";
import { Doorkeeper, type Guest } from "../../relay/doorkeeper.ts";
import { DEFAULT_LIMITS, type RelayLimits } from "../../relay/limits.ts";
import { FakeClock } from "./fake-clock.ts";

/** Who was closed to make room is in `closed`, by the name under which it came. */
function door(limits: Partial<RelayLimits>) {
  const clock = new FakeClock();
  const counters = new Counters();
  const keeper = new Doorkeeper({ ...DEFAULT_LIMITS, ...limits }, clock, counters);
  const closed: string[] = [];
  const come = (name: string, address: string): Guest | undefined => keeper.admit(address, () => closed.push(name));
  return { clock, counters, keeper, closed, come };
}

test("when the relay is full the stranger that came first makes room, and nobody who has business here", () => {
  const { closed, come, counters } = door({ connections: 3 });
  come("known", "192.0.2.1")?.prove();
  come("first", "192.0.2.2");
  come("second", "192.0.2.3");
  come("third", "192.0.2.4")?.prove();
  expect(closed).toEqual(["first"]);
  come("fourth", "192.0.2.5")?.prove();
  expect(closed).toEqual(["first", "second"]);
  expect(come("fifth", "192.0.2.6")).toBeUndefined();
  expect(closed).toEqual(["first", "second"]);
  expect([counters.get("connections_evicted"), counters.get("connections_refused")]).toEqual([2, 1]);
});

test("one source has only so many strangers, whatever part of its network they come from; others are not concerned", () => {
  const { closed, come } = door({ strangersPerSource: 2 });
  come("a", "2001:db8:0:1::1");
  come("b", "2001:0db8::1:ffff:1:2:3");
  come("other", "2001:db8:0:2::1");
  come("c", "2001:db8:0:1:9::");
  expect(closed).toEqual(["a"]);
  const known = come("known", "2001:db8:0:1::7");
  expect(closed).toEqual(["a", "b"]);
  known?.prove();
  come("d", "2001:db8:0:1::8");
  expect(closed).toEqual(["a", "b"]);
});

test("an IPv4 address is the same source, however the system writes it", () => {
  const { closed, come } = door({ strangersPerSource: 1 });
  come("a", "192.0.2.1");
  come("b", "::ffff:192.0.2.1");
  expect(closed).toEqual(["a"]);
});

test("a source that connects too fast is refused before its handshake, until some time has passed", () => {
  const { clock, keeper, come } = door({ connectionRate: { perSecond: 1, burst: 2 } });
  const guests = [come("a", "192.0.2.1"), come("b", "192.0.2.1")];
  for (const guest of guests) guest?.leave();
  keeper.tidy();
  expect(come("c", "192.0.2.1")).toBeUndefined();
  expect(come("other", "192.0.2.2")).toBeDefined();
  clock.advance(1_000);
  expect(come("d", "192.0.2.1")).toBeDefined();
});

test("connections from this machine, which Tor and proxies make for anybody, are bounded as a whole only", () => {
  const { closed, come } = door({
    connections: 3,
    strangersPerSource: 1,
    connectionRate: { perSecond: 1, burst: 1 },
  });
  for (const name of ["a", "b", "c"]) expect(come(name, name === "b" ? "::1" : "127.0.0.1")).toBeDefined();
  expect(closed).toEqual([]);
  come("d", "127.0.0.1");
  expect(closed).toEqual(["a"]);
});

test("a guest in a hurry is told to rest: for its own commands, for those of its whole source, and for refusals", () => {
  const { clock, come } = door({
    commandRate: { perSecond: 10, burst: 2 },
    sourceCommandRate: { perSecond: 10, burst: 5 },
    refusalRate: { perSecond: 1, burst: 1 },
  });
  const [one, two] = [come("one", "192.0.2.1"), come("two", "192.0.2.1")];
  expect([one?.commanded(), one?.commanded(), one?.commanded()]).toEqual([0, 0, 100]);
  expect([two?.commanded(), two?.commanded()]).toEqual([0, 0]);
  clock.advance(100);
  expect([one?.refused(), one?.refused(), one?.refused()]).toEqual([0, 1_000, 2_000]);
});

test("who left makes room once, however often that is said", () => {
  const { come } = door({ connections: 2 });
  const guest = come("a", "192.0.2.1");
  guest?.leave();
  guest?.leave();
  come("b", "192.0.2.1")?.prove();
  come("c", "192.0.2.1")?.prove();
  expect(come("d", "192.0.2.1")).toBeUndefined();
});

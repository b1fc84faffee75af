import { expect, test } from "@jest/globals";
import type { Clock } from "../../foundation/clock.ts";
import { LivedTime } from "../../relay/lived-time.ts";

const HOUR = 3_600_000;
const YEAR = 366 * 24 * HOUR;

/** A clock that a test sets as it likes. */
class SetClock implements Clock {
  time = 1_000 * YEAR;
  now = (): number => this.time;
  after = (): (() => void) => () => undefined;
}

test("it goes with the clock, between ticks too", () => {
  const clock = new SetClock();
  const time = new LivedTime(clock, HOUR, undefined);
  expect(time.now()).toBe(clock.time);
  for (let hour = 1; hour <= 50; hour++) {
    clock.time += HOUR / 2;
    expect(time.now()).toBe(clock.time);
    clock.time += HOUR / 2;
    expect(time.tick()).toBe(clock.time);
  }
});

test("a leap of the clock counts for one tick, and a step back for nothing", () => {
  const clock = new SetClock();
  const time = new LivedTime(clock, HOUR, undefined);
  const start = time.now();
  clock.time += 2 * YEAR;
  expect(time.now()).toBe(start + HOUR);
  expect(time.tick()).toBe(start + HOUR);
  clock.time -= 2 * YEAR;
  expect(time.now()).toBe(start + HOUR);
  expect(time.tick()).toBe(start + HOUR);
  clock.time += HOUR / 4;
  expect(time.tick()).toBe(start + 1.25 * HOUR);
});

test("it goes on from what was saved, and stands still in between", () => {
  const clock = new SetClock();
  const saved = new LivedTime(clock, HOUR, undefined).tick();
  clock.time += YEAR;
  expect(new LivedTime(clock, HOUR, saved).now()).toBe(saved);
});

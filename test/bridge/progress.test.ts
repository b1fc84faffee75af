import { expect, test } from "@jest/globals";
import { formatBar, formatDuration, ProgressMeter } from "../../bridge/cli/progress.ts";

test("the rate is of what took work, and the time left follows from it", () => {
  const meter = new ProgressMeter();
  meter.note({ done: 0, total: 1_000 }, 0);
  meter.note({ done: 500, known: 500, total: 1_000 }, 1_000);
  expect(meter.rate(1_000)).toBe(0);
  expect(meter.secondsLeft(1_000)).toBeUndefined();
  meter.note({ done: 600, known: 500, total: 1_000, folder: "Work" }, 2_000);
  expect(meter.rate(2_000)).toBe(50);
  expect(meter.words(2_000)).toBe(" 60%  600 of 1000 letters  50 a second  8 s left  Work");
});

test("where nothing comes the rate falls and the time left grows", () => {
  const meter = new ProgressMeter();
  meter.note({ done: 0, total: 200 }, 0);
  meter.note({ done: 100, total: 200 }, 1_000);
  expect(meter.secondsLeft(1_000)).toBe(1);
  expect(meter.rate(20_000)).toBe(5);
  expect(meter.secondsLeft(20_000)).toBe(20);
});

test("only the last seconds count", () => {
  const meter = new ProgressMeter();
  for (let second = 0; second <= 60; second++)
    meter.note({ done: Math.max(0, second - 40) * 100, total: 9_999 }, second * 1_000);
  expect(meter.rate(60_000)).toBe(100);
});

test("a file whose letters nobody counted yet is measured in octets", () => {
  const meter = new ProgressMeter();
  meter.note({ done: 0 }, 0);
  meter.note({ done: 10, octets: 4_000, octetsTotal: 10_000 }, 2_000);
  expect(meter.words(2_000)).toBe(" 40%  10 letters  5 a second  3 s left");
  expect(meter.event(2_000)).toEqual({
    event: "progress",
    done: 10,
    octets: 4_000,
    octetsTotal: 10_000,
    rate: 5,
    secondsLeft: 3,
  });
});

test("nothing is claimed before it is known, and all only at the end", () => {
  const meter = new ProgressMeter();
  expect(meter.words(0)).toBe("0 letters");
  meter.note({ done: 999_999, total: 1_000_000 }, 0);
  expect(meter.words(0)).toBe(" 99%  999999 of 1000000 letters");
  expect([formatBar(undefined), formatBar(0.5).length, formatBar(1)]).toEqual(["", 26, `[${"#".repeat(24)}]`]);
});

test.each([
  [4, "4 s"],
  [200, "3 min 20 s"],
  [7_500, "2 h 5 min"],
])("%i seconds are %s", (seconds, text) => {
  expect(formatDuration(seconds)).toBe(text);
});

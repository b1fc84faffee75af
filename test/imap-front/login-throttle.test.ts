import { expect, test } from "@jest/globals";
import type { Clock } from "../../foundation/clock.ts";
import { LoginThrottle } from "../../imap-front/login-throttle.ts";

/** A clock on which no penalty ends before the test says so. */
function stoppedClock(): Clock & { end(): void } {
  const waiting: (() => void)[] = [];
  return {
    now: () => 0,
    after: (_milliseconds, callback) => {
      waiting.push(callback);
      return () => undefined;
    },
    end: () => waiting.splice(0).forEach((callback) => callback()),
  };
}

test("a program that opens fifty connections at once with the right password is let in on all of them", async () => {
  const throttle = new LoginThrottle(stoppedClock());
  const attempts = Array.from({ length: 50 }, () => throttle.attempt(() => Promise.resolve("in")));
  expect(new Set(await Promise.all(attempts))).toEqual(new Set(["in"]));
});

test("while wrong passwords wait for their penalties, more than sixteen attempts are turned away", async () => {
  const clock = stoppedClock();
  const throttle = new LoginThrottle(clock);
  const wrong = Array.from({ length: 16 }, () => throttle.attempt(() => Promise.resolve(undefined)));
  // The checks are over, the penalties are not.
  await new Promise<void>((resolve) => void setImmediate(resolve));
  expect(await throttle.attempt(() => Promise.resolve("in"))).toBe("busy");
  clock.end();
  expect(new Set(await Promise.all(wrong))).toEqual(new Set([undefined]));
  expect(await throttle.attempt(() => Promise.resolve("in"))).toBe("in");
});

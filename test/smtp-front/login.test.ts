import { expect, test } from "@jest/globals";
import type { Clock } from "../../foundation/clock.ts";
import { Failure } from "../../foundation/failure.ts";
import { silentLogger } from "../../foundation/logger.ts";
import { SMTP_LIMITS } from "../../smtp-front/limits.ts";
import { SlowedLogin } from "../../smtp-front/login.ts";
import { FakeSink } from "./harness.ts";

/** A clock whose waits are over at once and are written down. */
class NotingClock implements Clock {
  time = 1_000_000_000;
  readonly waits: number[] = [];

  now(): number {
    return this.time;
  }

  after(delay: number, callback: () => void): () => void {
    this.waits.push(delay);
    callback();
    return () => undefined;
  }
}

function slowedLogin(clock: Clock) {
  let running = 0;
  let most = 0;
  const sink = new FakeSink();
  const login = new SlowedLogin({
    clock,
    limits: SMTP_LIMITS,
    logger: silentLogger,
    authenticator: {
      async login(_user, password) {
        most = Math.max(most, ++running);
        await new Promise((resolve) => setImmediate(resolve));
        running--;
        if (password === "busy") throw new Failure("unavailable", "not now");
        return password === "secret" ? sink : undefined;
      },
    },
  });
  return { login, sink, most: () => most };
}

test("each wrong password waits twice as long as the one before, whatever the connection, up to a bound", async () => {
  const clock = new NotingClock();
  const { login } = slowedLogin(clock);
  for (let tries = 0; tries < 7; tries++)
    await expect(login.login({}, "ann", "wrong")).rejects.toMatchObject({ code: 535, enhanced: "5.7.8" });
  expect(clock.waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
});

test("a right password is never held up, and a quiet while forgets the wrong ones", async () => {
  const clock = new NotingClock();
  const { login, sink } = slowedLogin(clock);
  for (let tries = 0; tries < 4; tries++) await login.login({}, "ann", "wrong").catch(() => undefined);
  expect(await login.login({}, "ann", "secret")).toBe(sink);
  expect(clock.waits).toHaveLength(4);
  clock.time += SMTP_LIMITS.wrongPasswordMemory + 1;
  await login.login({}, "ann", "wrong").catch(() => undefined);
  expect(clock.waits.at(-1)).toBe(500);
});

test("the last try that a connection has ends it", async () => {
  const { login } = slowedLogin(new NotingClock());
  const connection = {};
  const codes: unknown[] = [];
  for (let tries = 0; tries < 5; tries++)
    await login.login(connection, "ann", "wrong").catch((error: { code: number }) => codes.push(error.code));
  expect(codes).toEqual([535, 535, 535, 535, 421]);
});

test("passwords are checked one at a time", async () => {
  const { login, most } = slowedLogin(new NotingClock());
  await Promise.allSettled(Array.from({ length: 20 }, () => login.login({}, "ann", "wrong")));
  expect(most()).toBe(1);
});

test("an authenticator that is not available counts for no wrong password", async () => {
  const clock = new NotingClock();
  const { login } = slowedLogin(clock);
  await expect(login.login({}, "ann", "busy")).rejects.toMatchObject({ code: 454, enhanced: "4.7.0" });
  expect(clock.waits).toEqual([]);
});

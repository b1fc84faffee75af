import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { Clock } from "../../foundation/clock.ts";
import { befriend, type Person } from "../overlay-adapter/person.ts";
import { DAY, DaysClock } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

let place: Neighbourhood;

beforeAll(async () => {
  place = await Neighbourhood.open();
});
afterEach(() => place.leave());
afterAll(() => place.close());

/** A clock that shows another time from some moment on, without any of it passing. */
class OffClock extends DaysClock {
  off = 0;

  override now(): number {
    return super.now() + this.off;
  }
}

test.each([730, -730])("letters go both ways when one clock is set %i days off, and none fails", async (days) => {
  const clock = new OffClock();
  const [a, b]: [Person, Person] = [place.person({ clock: clock satisfies Clock }), place.person()];
  await befriend(a, b, place.clock);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  clock.off = days * DAY;
  for (let n = 0; n < 3; n++) {
    await a.send(`from a ${n}`, b);
    await b.send(`from b ${n}`, a);
  }
  await Promise.all([a.untilLetters(3), b.untilLetters(3)]);
  await a.overlay.close();
  a.db.close();
  a.open();
  await a.send("after the start", b);
  await b.send("after your start", a);
  await Promise.all([a.untilLetters(4), b.untilLetters(4)]);
  expect([a, b].map((one) => one.count("cells-dropped") + one.count("gap"))).toEqual([0, 0]);
  expect(b.count("failed")).toBe(0);
});

test("a thousand letters sent at once get a thousand numbers, and all open", async () => {
  const [a, b] = await place.friends();
  const sent = Array.from({ length: 1000 }, (_, n) => `letter ${n}`);
  await Promise.all(sent.map((content) => a.send(content, b)));
  await b.untilLetters(1000);
  expect(new Set(b.contents())).toEqual(new Set(sent));
  expect(b.count("gap") + b.count("cells-dropped")).toBe(0);
}, 90_000);

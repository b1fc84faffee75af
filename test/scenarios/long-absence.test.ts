import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { DAY, MINUTE } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

let place: Neighbourhood;

beforeAll(async () => {
  place = await Neighbourhood.open();
});
afterEach(() => place.leave());
afterAll(() => place.close());

test.each([31, 60])("whoever was away for %i days gets every letter, each once, and no gap is told", async (days) => {
  const [a, b] = await place.friends();
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  const expired = () => place.relay.counters.get("cells_expired");
  const before = expired();
  b.crash();
  const sent: string[] = [];
  for (let day = 0; day < days; day++) {
    if (day % 5 === 0) {
      await a.send(`day ${day}`, b);
      sent.push(`day ${day}`);
    }
    await a.overlay.idle();
    place.pass(DAY);
    await a.overlay.idle();
  }
  // What was sent three weeks ago or more was deleted unread, and sent once more.
  expect(expired() - before).toBeGreaterThanOrEqual(Math.floor((days - 21) / 5));
  b.open();
  await b.untilLetters(sent.length);
  await b.overlay.idle();
  expect([...b.contents()].sort()).toEqual([...sent].sort());
  place.clock.pass(2 * 60 * MINUTE);
  await b.overlay.idle();
  expect(b.count("gap")).toBe(0);
  expect(a.count("failed")).toBe(0);
  // And both directions still work.
  await b.send("back again", a);
  await a.untilLetters(1);
});

test("whoever made an invite and was away for 26 days finds the hello, and the letters behind it, each once", async () => {
  const [a, b] = [place.person(), place.person()];
  const { link } = await a.overlay.createInvite({ expiresAt: place.clock.now() + 29 * DAY });
  a.crash();
  const expired = () => place.relay.counters.get("cells_expired");
  const before = expired();
  await b.overlay.acceptInvite(link, "alice");
  await b.send("right behind the hello", a);
  for (let day = 0; day < 25; day++) {
    await b.overlay.idle();
    place.pass(DAY);
  }
  expect(expired() - before).toBe(2);
  // libsignal would end the session, which was never answered, in five days: nothing more is encrypted with it.
  await b.send("on the 25th day", a);
  place.pass(DAY);
  await b.until(() => b.overlay.status().deliveries.some(({ reason }) => reason === "session"));
  a.open();
  await a.until(() => a.letters().length === 2);
  expect(a.contents()).toEqual(["right behind the hello", "on the 25th day"]);
  expect(b.count("contact-confirmed")).toBe(1);
  expect(b.count("failed") + b.count("join-failed") + a.count("gap")).toBe(0);
  await a.send("there you are", b);
  await b.untilLetters(1);
});

test("a session that was never answered is begun anew by day 25, and what waited for that arrives", async () => {
  const [a, b] = await place.friends();
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  // New keys: a begins a session with them, which b does not see.
  a.crash();
  const seed = b.identity.masterSeed();
  if (seed === undefined) throw new Error("the seed is kept at first");
  await b.overlay.becomeNewDevice(() =>
    b.identity.renewAdminKey(seed, b.identity.accountState().state.certificate.issuedAt + 1),
  );
  await b.until(() => place.relay.counts().cells > 0);
  b.crash();
  a.open();
  await a.until(() => a.contacts.accountState(b.label)?.state.devices[0]?.deviceId === 2);
  for (let day = 0; day < 25; day++) {
    await a.overlay.idle();
    place.pass(DAY);
  }
  await a.send("on the 25th day", b);
  await a.until(() => a.overlay.status().deliveries.some(({ reason }) => reason === "session"));
  place.pass(DAY);
  b.open();
  await b.untilLetters(1);
  await b.send("here I am", a);
  await a.untilLetters(1);
  expect([a.count("failed"), b.count("gap"), a.contents(), b.contents()]).toEqual([
    0,
    0,
    ["here I am"],
    ["on the 25th day"],
  ]);
});

test("a letter that nobody fetched in 80 days comes back to its sender", async () => {
  const [a, b] = await place.friends();
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  b.crash();
  const id = await a.send("is anybody there?", b);
  for (let week = 0; week < 12; week++) {
    await a.overlay.idle();
    place.clock.pass(7 * DAY);
  }
  await a.untilEvent("failed");
  expect(a.events).toContainEqual({ kind: "failed", letter: id, to: b.label, reason: "unconfirmed" });
});

test("5,000 letters that nobody fetches: a thousand leave, the rest waits, and all come later", async () => {
  const [a, b] = await place.friends();
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  b.crash();
  const total = 5000;
  for (let n = 0; n < total; ) {
    const letters = await Promise.all(
      Array.from({ length: 500 }, async () => {
        const content = Buffer.from(`letter ${n++}`);
        return await a.overlay.prepare(
          (async function* () {
            yield content;
          })(),
        );
      }),
    );
    a.db.transaction(() => {
      for (const letter of letters) a.overlay.enqueue(letter, [b.label]);
    });
  }
  const waiting = () => a.overlay.status().waiting;
  const unreceipted = () =>
    a.db.sqlite.prepare("SELECT count(*) FROM overlay_sent WHERE receipt = 'awaited'").pluck().get() as number;
  await a.until(() => unreceipted() === 1000 && a.count("relayed") >= 990);
  expect(waiting()).toBeGreaterThanOrEqual(total - 1000);
  expect(a.overlay.status().deliveries.find(({ state }) => state === "waiting")?.reason).toBe("receipts");
  b.open();
  await b.untilLetters(total);
  expect(new Set(b.contents()).size).toBe(total);
  expect(b.count("gap") + b.count("cells-dropped")).toBe(0);
}, 240_000);

import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import {
  createRelayClient,
  type RelayClient,
  type RelayClientOptions,
} from "../../overlay-adapter/relay-client/relay-client.ts";
import { befriend } from "../overlay-adapter/person.ts";
import { DAY, MINUTE } from "./days-clock.ts";
import { Neighbourhood } from "./neighbourhood.ts";

let place: Neighbourhood;

beforeAll(async () => {
  place = await Neighbourhood.open();
});
afterEach(() => place.leave());
afterAll(() => place.close());

test.each([31, 60])("whoever was away for %i days gets every letter, each once, and no gap is told", async (days) => {
  // What is sent more than 21 days before the return is deleted by the relay unread: here, at once.
  const relay = { forgets: false };
  const connect = (options: RelayClientOptions): RelayClient => {
    const client = createRelayClient(options);
    const send: RelayClient["send"] = async (...cell) => (relay.forgets ? "accepted" : await client.send(...cell));
    return { ...client, send };
  };
  const [a, b] = [place.person({ connect }), place.person()];
  await befriend(a, b, place.clock);
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  b.crash();
  const sent: string[] = [];
  for (let day = 0; day < days; day++) {
    relay.forgets = days - day > 21;
    if (day % 5 === 0) {
      await a.send(`day ${day}`, b);
      sent.push(`day ${day}`);
    }
    await a.overlay.idle();
    place.clock.pass(DAY);
    await a.overlay.idle();
  }
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

test("1,500 letters that nobody fetches: a thousand leave, the rest waits, and all come later", async () => {
  const [a, b] = await place.friends();
  await Promise.all([a.overlay.idle(), b.overlay.idle()]);
  b.crash();
  const total = 1500;
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
  const unreceipted = () => a.db.sqlite.prepare("SELECT count(*) FROM overlay_unreceipted").pluck().get() as number;
  await a.until(() => unreceipted() === 1000 && a.count("relayed") >= 990);
  expect(waiting()).toBeGreaterThanOrEqual(total - 1000);
  expect(a.overlay.status().deliveries.find(({ state }) => state === "waiting")?.reason).toBe("receipts");
  b.open();
  await b.untilLetters(total);
  expect(new Set(b.contents()).size).toBe(total);
  expect(b.count("gap") + b.count("cells-dropped")).toBe(0);
}, 120_000);

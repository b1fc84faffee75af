import { EventEmitter } from "node:events";
import { expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { Told } from "../../legacy-gateway/incoming/told.ts";

function listening() {
  const events = new EventEmitter();
  const client = Object.assign(events, { close: () => void events.emit("close") }) as unknown as ImapFlow;
  const told = new Told();
  const seen = { new: [] as string[], unclear: [] as string[], any: 0 };
  told.listen(client, {
    onNew: (path) => seen.new.push(path),
    onUnclear: (path) => seen.unclear.push(path),
    onAny: () => seen.any++,
  });
  return { events, told, seen };
}

test("what is told of one folder is never taken for what is told of another", async () => {
  const { events, told } = listening();
  events.emit("flags", { path: "INBOX", uid: 7, flags: new Set(["\\Seen"]) });
  events.emit("flags", { path: "Work", uid: 7, flags: new Set() });
  await told.vanished({ path: "INBOX", uid: 9, vanished: true, earlier: false });
  expect(told.take()).toEqual([
    ["INBOX", { flags: [{ uid: 7, flags: ["\\Seen"] }], vanished: [9] }],
    ["Work", { flags: [{ uid: 7, flags: [] }], vanished: [] }],
  ]);
  expect(told.isEmpty).toBe(true);
});

test("what names no letter makes the folder unclear; more letters than before are new ones", async () => {
  const { events, told, seen } = listening();
  events.emit("flags", { path: "INBOX", flags: new Set() });
  await told.vanished({ path: "Work", seq: 3, vanished: false });
  events.emit("exists", { path: "INBOX", count: 3, prevCount: 2 });
  events.emit("exists", { path: "Work", count: 2, prevCount: 3 });
  expect(seen).toEqual({ new: ["INBOX"], unclear: ["INBOX", "Work"], any: 4 });
  expect(told.isEmpty).toBe(true);
});

test("after 5,000 vanished letters the connection is ended, and the next one never done", async () => {
  const { events, told, seen } = listening();
  let closed = false;
  events.once("close", () => {
    closed = true;
  });
  for (let uid = 1; uid <= 5_000; uid++) await told.vanished({ path: "INBOX", uid, vanished: true, earlier: true });
  expect(closed).toBe(false);
  const next = told.vanished({ path: "INBOX", uid: 5_001, vanished: true, earlier: true });
  const idle = new Promise((resolve) => setImmediate(() => resolve("not done")));
  expect(await Promise.race([next, idle])).toBe("not done");
  expect([closed, seen.unclear]).toEqual([true, ["INBOX"]]);
});

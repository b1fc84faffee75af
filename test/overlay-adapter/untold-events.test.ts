import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { Database } from "../../foundation/database.ts";
import type { OverlayEvent } from "../../overlay-adapter/events.ts";
import { UntoldEvents } from "../../overlay-adapter/untold-events.ts";
import { startRelay } from "../../relay/relay.ts";
import { parseRelayUrl } from "../../relay/relay-url.ts";
import { Person } from "./person.ts";

const FAILED: OverlayEvent = { kind: "pair-failed", pair: "1", name: "bob", text: "it has expired" };
const BURNED: OverlayEvent = { kind: "invite-burned", invite: "2" };

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "postern-untold-"));
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

test("what happens once is told at every start, in its order, until it is settled", () => {
  const db = new Database(":memory:");
  const heard: OverlayEvent[] = [];
  const untold = () => new UntoldEvents(db, (event) => heard.push(event));
  untold().tell(FAILED);
  untold().tell(BURNED);
  untold().tell(FAILED);
  expect(heard.splice(0)).toEqual([FAILED, BURNED, FAILED]);
  untold().tellAgain();
  expect(heard.splice(0)).toEqual([FAILED, BURNED]);
  untold().settle({ ...FAILED });
  untold().tellAgain();
  expect(heard).toEqual([BURNED]);
  db.close();
});

test("it is heard only once it is on the disk; what is rolled back is neither heard nor kept", async () => {
  const db = new Database(join(directory, "db"));
  const heard: OverlayEvent[] = [];
  const untold = new UntoldEvents(db, (event) => heard.push(event));
  const heardInside = await db.commit(() => {
    untold.tell(BURNED);
    return heard.length;
  });
  expect([heardInside, heard]).toEqual([0, [BURNED]]);
  const undone = new Error("undone");
  await expect(
    db.commit(() => {
      untold.tell(FAILED);
      throw undone;
    }),
  ).rejects.toBe(undone);
  untold.settle(BURNED);
  untold.tellAgain();
  expect(heard).toEqual([BURNED]);
  db.close();
});

test("what is told over and over by itself is not kept", () => {
  const db = new Database(":memory:");
  const heard: OverlayEvent[] = [];
  const untold = new UntoldEvents(db, (event) => heard.push(event));
  untold.tell({ kind: "relay", host: "relay.example", port: 4523, connected: true });
  expect(heard.splice(0)).toHaveLength(1);
  untold.tellAgain();
  expect(heard).toEqual([]);
  db.close();
});

test("a bridge that ends between a code's death and the notice of it tells it at the next start", async () => {
  const relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
  const [alice, bob] = [new Person(parseRelayUrl(relay.url)), new Person(parseRelayUrl(relay.url))];
  try {
    alice.tells = false;
    const { code } = await alice.overlay.meetings.makeCode("bob");
    bob.overlay.meetings.takeCode(
      code.replace(/[^-]+$/, (word) => (word === "lemon" ? "orbit" : "lemon")),
      "alice",
    );
    await alice.untilEvent("pair-failed");
    const [first] = alice.events.splice(0).filter(({ kind }) => kind === "pair-failed");
    alice.crash();
    alice.tells = true;
    alice.open();
    await alice.untilEvent("pair-failed");
    expect(alice.events.splice(0).filter(({ kind }) => kind === "pair-failed")).toEqual([first]);
    alice.crash();
    alice.open();
    await alice.overlay.idle();
    expect(alice.count("pair-failed")).toBe(0);
  } finally {
    await Promise.all([alice.close(), bob.close()]);
    await relay.stop();
  }
});

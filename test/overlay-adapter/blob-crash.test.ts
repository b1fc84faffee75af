import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { Doomed } from "./doomed.ts";
import { befriend, type Person, sha256 } from "./person.ts";

let directory: string;
let relay: Relay;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
});

afterAll(async () => {
  await relay.stop();
  await rm(directory, { recursive: true });
});

/** Larger ones only repeat the step of one more piece. */
const SIZE = 300_000;

async function nothingLeft(): Promise<void> {
  while (relay.counts().blobs > 0) await new Promise((resolve) => setTimeout(resolve, 10));
}

test.each(["writer", "reader"] as const)(
  "a power cut of the %s at any step of a letter that is a blob loses nothing and doubles nothing",
  async (dying) => {
    const [reader, writer] = [0, 1].map(() => new Doomed(relay.address, { blobs: { send: true } })) as [Doomed, Doomed];
    await befriend(reader, writer);
    await writer.overlay.idle();
    const victim = dying === "writer" ? writer : reader;
    const sent: string[] = [];
    for (let step = 1; ; step++) {
      const { revivals } = victim;
      let crashed = () => undefined as void;
      const revived = new Promise<void>((resolve) => {
        crashed = resolve;
      }).then(() => victim.revive());
      const content = randomBytes(SIZE);
      await writer.send(content, reader);
      // What came before the 250 is the bridge's affair: from here on the letter is on the disk.
      victim.doom(step, crashed);
      sent.push(sha256(content));
      const there = (who: Person) => who.db.sqlite.open && who.letters().length >= sent.length;
      await Promise.race([reader.until(() => there(reader)), revived.then(() => reader.until(() => there(reader)))]);
      await nothingLeft();
      expect(reader.contents()).toEqual(sent);
      expect(reader.count("gap") + writer.count("failed")).toBe(0);
      // A cell whose acknowledgement nobody heard comes twice.
      const dropped = [...reader.events, ...writer.events].filter(
        (event) => event.kind === "cells-dropped" && event.reason !== "duplicate",
      );
      expect(dropped).toEqual([]);
      victim.spare();
      if (victim.revivals === revivals) break;
    }
    expect(sent.length).toBeGreaterThan(6);
    await Promise.all([reader.close(), writer.close()]);
  },
  120_000,
);

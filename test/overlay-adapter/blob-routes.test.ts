import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { systemClock } from "../../foundation/clock.ts";
import type { Carrier } from "../../overlay-adapter/carriers/carrier.ts";
import { entryCarrier } from "../../overlay-adapter/carriers/entry-carrier.ts";
import { scheduledCarrier } from "../../overlay-adapter/carriers/scheduled-carrier.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { inTemporaryDirectory } from "../relay/fixtures.ts";
import { befriend, Person, sha256 } from "./person.ts";

/** The relays of a reader, of a writer, and between them. */
interface Scene {
  readonly readers: Relay;
  readonly writers: Relay;
  readonly entry: Relay;
}

function withRelays(work: (scene: Scene) => Promise<void>): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const start = (name: string) =>
      startRelay({ directory: join(parent, name), host: "127.0.0.1", port: 0, forward: "any" });
    const [readers, writers, entry] = await Promise.all([start("readers"), start("writers"), start("entry")]);
    try {
      await work({ readers, writers, entry });
    } finally {
      await Promise.all([readers.stop(), writers.stop(), entry.stop()]);
    }
  });
}

/** A carrier that notes whom it leads to. */
function noting(carrier: Carrier): Carrier & { readonly opened: RelayAddress[] } {
  const opened: RelayAddress[] = [];
  return {
    properties: carrier.properties,
    opened,
    open(relay, options) {
      opened.push(relay);
      return carrier.open(relay, options);
    },
  };
}

test("a blob is fetched from the writer's relay through the entry relay alone, and put there straight", () =>
  withRelays(async ({ readers, writers, entry }) => {
    const straight = noting(tlsCarrier());
    const sendingCarrier = entryCarrier({ entries: [entry.address], through: straight });
    const reader = new Person(readers.address, { blobs: { send: true }, carrier: straight, sendingCarrier });
    const writer = new Person(writers.address, { blobs: { send: true } });
    try {
      await befriend(reader, writer);
      const content = randomBytes(1_000_000);
      await writer.send(content, reader);
      await reader.untilLetters(1);
      expect(reader.contents()).toEqual([sha256(content)]);
      expect(writers.counters.get("blob_octets_sent")).toBeGreaterThan(content.length);
      expect(straight.opened.some(({ pin }) => pin.equals(writers.address.pin))).toBe(false);
      expect(straight.opened.some(({ pin }) => pin.equals(entry.address.pin))).toBe(true);
    } finally {
      await Promise.all([reader.close(), writer.close()]);
    }
  }));

test("where one side is in scheduled mode, large letters to and from it are cells", () =>
  withRelays(async ({ readers }) => {
    const carrier = scheduledCarrier(tlsCarrier(), { mean: 2, clock: systemClock });
    const scheduled = new Person(readers.address, { blobs: { send: true }, carrier });
    const instant = new Person(readers.address, { blobs: { send: true } });
    try {
      await befriend(scheduled, instant);
      const contents = [randomBytes(300_000), randomBytes(300_000)] as const;
      await Promise.all([scheduled.send(contents[0], instant), instant.send(contents[1], scheduled)]);
      await Promise.all([scheduled.untilLetters(1), instant.untilLetters(1)]);
      expect([...instant.contents(), ...scheduled.contents()]).toEqual(contents.map(sha256));
      expect(readers.counters.get("blobs_created")).toBe(0);
    } finally {
      await Promise.all([scheduled.close(), instant.close()]);
    }
  }));

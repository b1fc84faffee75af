import { createHash, randomBytes } from "node:crypto";
import { cp, mkdir, readdir, stat } from "node:fs/promises";
import { connect as connectTcp } from "node:net";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { expect, test } from "@jest/globals";
import { Failure } from "../../foundation/failure.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { parseRelayUrl } from "../../relay/relay-url.ts";
import { BLOCK_SIZE } from "../../relay/wire/block.ts";
import { toRelay } from "../../relay/wire/frame.ts";
import { macOfSend, publicKeyOf, signingKey } from "../../relay/wire/proof.ts";
import { cellOf, inTemporaryDirectory, newQueue } from "./fixtures.ts";
import { RawClient } from "./raw-client.ts";
import { withRelay } from "./scene.ts";

const OK = { kind: "ok" };
const NO_QUEUE = { kind: "refused", reason: "no-queue" };

test("a cell that was sent is pushed to the subscriber, byte for byte, and is gone once acknowledged", () =>
  withRelay(async ({ relay, token, connect }) => {
    const [bob, alice] = [await connect(), await connect()];
    const queue = newQueue();
    expect(await bob.create(queue, token)).toEqual(OK);
    expect(await bob.subscribe(queue, 10)).toEqual({ kind: "subscribed", nextSeq: 1 });
    const cell = randomBytes(16_256);
    expect(await alice.send(queue, cell)).toEqual(OK);
    expect(await bob.push()).toEqual({ kind: "message", recipientId: queue.recipientId, seq: 1, cell });
    expect(relay.counts()).toEqual({
      connections: 2,
      readers: 1,
      queues: 1,
      cells: 1,
      slots: 0,
      blobs: 0,
      octets: 16_256,
    });
    expect(await bob.acknowledge(queue, 1, 1)).toEqual(OK);
    expect(relay.counts().cells).toBe(0);
  }));

test("a stranger without the token, or with a wrong one, stores nothing", () =>
  withRelay(async ({ relay, token, connect }) => {
    const stranger = await connect();
    const wrong = Buffer.from(token);
    wrong[31] = (wrong[31] ?? 0) ^ 1;
    const forbidden = { kind: "refused", reason: "forbidden" };
    expect(await stranger.create(newQueue(), wrong)).toEqual(forbidden);
    const slot = { slotId: randomBytes(24), ownerKey: randomBytes(32), expires: 1, cell: cellOf(1) };
    expect(await stranger.call({ kind: "slot-put", token: wrong, ...slot })).toEqual(forbidden);
    expect(relay.counts()).toMatchObject({ queues: 0, cells: 0, slots: 0 });
  }));

test("a stranger who knows a queue's ids but no key can neither send, read nor delete, and cannot tell that it exists", () =>
  withRelay(async ({ relay, token, connect }) => {
    const [bob, stranger] = [await connect(), await connect()];
    const queue = newQueue();
    await bob.create(queue, token);
    const guess = { ...newQueue(), senderId: queue.senderId, recipientId: queue.recipientId };
    expect(await stranger.send(guess, cellOf(1))).toEqual(NO_QUEUE);
    expect(await stranger.send(newQueue(), cellOf(1))).toEqual(NO_QUEUE);
    expect(await stranger.subscribe(guess, 10)).toEqual(NO_QUEUE);
    expect(await stranger.subscribe(newQueue(), 10)).toEqual(NO_QUEUE);
    expect(await stranger.delete(guess)).toEqual(NO_QUEUE);
    expect(await stranger.acknowledge(queue, 1, 100)).toEqual({ kind: "refused", reason: "not-subscribed" });
    expect(relay.counts()).toMatchObject({ readers: 0, queues: 1, cells: 0 });
  }));

test("proofs taken from one connection are worthless on another", () =>
  withRelay(async ({ relay, token, connect }) => {
    const [bob, alice, thief] = [await connect(), await connect(), await connect()];
    const queue = newQueue();
    await bob.create(queue, token);
    const cell = cellOf(5);
    const mac = macOfSend(queue.senderKey, alice.exporter, queue.senderId, cell);
    const command = { kind: "send" as const, senderId: queue.senderId, mac, cell };
    expect(await thief.call(command)).toEqual(NO_QUEUE);
    expect(await alice.call(command)).toEqual(OK);
    expect(relay.counts().cells).toBe(1);
  }));

test("the sender id opens no queue to reading, and the recipient id none to sending", () =>
  withRelay(async ({ token, connect }) => {
    const bob = await connect();
    const queue = newQueue();
    await bob.create(queue, token);
    expect(await bob.send({ ...queue, senderId: queue.recipientId }, cellOf(1))).toEqual(NO_QUEUE);
    expect(await bob.subscribe({ ...queue, recipientId: queue.senderId }, 1)).toEqual(NO_QUEUE);
  }));

test("creating a queue again is fine with the same keys, and refused with others", () =>
  withRelay(async ({ token, connect }) => {
    const bob = await connect();
    const queue = newQueue();
    expect(await bob.create(queue, token)).toEqual(OK);
    expect(await bob.create(queue, token)).toEqual(OK);
    expect(await bob.create({ ...queue, senderKey: randomBytes(32) }, token)).toEqual({
      kind: "refused",
      reason: "in-use",
    });
  }));

test("a newer subscription takes the queue over, and the older connection is told", () =>
  withRelay(async ({ relay, token, connect }) => {
    const [first, second] = [await connect(), await connect()];
    const queue = newQueue();
    await first.create(queue, token);
    await first.subscribe(queue, 10);
    await first.send(queue, cellOf(1));
    expect(await first.push()).toMatchObject({ seq: 1 });
    expect(await second.subscribe(queue, 10)).toEqual({ kind: "subscribed", nextSeq: 2 });
    expect(await first.push()).toEqual({ kind: "ended", recipientId: queue.recipientId, reason: "taken-over" });
    expect(await second.push()).toMatchObject({ kind: "message", seq: 1 });
    expect(await first.acknowledge(queue, 1, 1)).toEqual({ kind: "refused", reason: "not-subscribed" });
    await first.close();
    await second.send(queue, cellOf(2));
    expect(await second.push()).toMatchObject({ kind: "message", seq: 2 });
    expect(relay.counts().readers).toBe(1);
  }));

test("no more cells are pushed than there is credit for, and acknowledging gives none", () =>
  withRelay(async ({ token, connect }) => {
    const [bob, alice] = [await connect(), await connect()];
    const queue = newQueue();
    await bob.create(queue, token);
    for (let n = 1; n <= 40; n++) await alice.send(queue, cellOf(n));
    await bob.subscribe(queue, 2);
    expect([await bob.push(), await bob.push()]).toMatchObject([{ seq: 1 }, { seq: 2 }]);
    await bob.acknowledge(queue, 1, 2);
    expect(await bob.pushedSoFar()).toEqual([]);
    bob.tell({ kind: "credit", recipientId: queue.recipientId, count: 30 });
    for (let seq = 3; seq <= 32; seq++) expect(await bob.push()).toMatchObject({ seq, cell: cellOf(seq) });
    expect(await bob.pushedSoFar()).toEqual([]);
    bob.tell({ kind: "credit", recipientId: queue.recipientId, count: 100 });
    for (let seq = 33; seq <= 40; seq++) expect(await bob.push()).toMatchObject({ seq });
    await alice.send(queue, cellOf(41));
    expect(await bob.push()).toMatchObject({ seq: 41 });
  }));

test("a subscription goes on behind what the reader already has; a number that was never given counts as none", () =>
  withRelay(async ({ token, connect }) => {
    const bob = await connect();
    const queue = newQueue();
    await bob.create(queue, token);
    for (let n = 1; n <= 3; n++) await bob.send(queue, cellOf(n));
    await bob.subscribe(queue, 10, 2);
    expect(await bob.push()).toMatchObject({ seq: 3 });
    await bob.subscribe(queue, 1, 9);
    expect(await bob.push()).toMatchObject({ seq: 1 });
    expect(await bob.pushedSoFar()).toEqual([]);
  }));

test("many senders at once lose no cell, and each sender's own keep their order", () =>
  withRelay(async ({ token, connect }) => {
    const bob = await connect();
    const queue = newQueue();
    await bob.create(queue, token);
    await bob.subscribe(queue, 1_000);
    const senders = await Promise.all([1, 2, 3].map(() => connect()));
    const sent = senders.flatMap((sender, who) =>
      Array.from({ length: 60 }, (_, n) => sender.send(queue, Buffer.alloc(16_256).fill(Buffer.from([who, n])))),
    );
    expect((await Promise.all(sent)).every((answer) => answer.kind === "ok")).toBe(true);
    const got = (await bob.pushedSoFar()).map((push) => (push.kind === "message" ? push : undefined));
    expect(got.map((push) => push?.seq)).toEqual(Array.from({ length: 180 }, (_, n) => n + 1));
    for (const who of [0, 1, 2]) {
      const own = got.filter((push) => push?.cell[0] === who).map((push) => push?.cell[1]);
      expect(own).toEqual(Array.from({ length: 60 }, (_, n) => n));
    }
  }));

test("a sender past the quota is told FULL, and goes on once the recipient has acknowledged", () =>
  withRelay(
    async ({ token, connect }) => {
      const bob = await connect();
      const queue = newQueue();
      await bob.create(queue, token);
      await bob.subscribe(queue, 10);
      const answers = await Promise.all([1, 2, 3, 4].map((n) => bob.send(queue, cellOf(n))));
      const full = { kind: "refused", reason: "full" };
      expect(answers).toEqual([OK, OK, OK, full]);
      await bob.acknowledge(queue, 1, 1);
      expect(await bob.send(queue, cellOf(5))).toEqual(OK);
    },
    { queueOctets: 3 * 16_256 },
  ));

test("a deleted queue is gone for its sender, and its reader elsewhere is told", () =>
  withRelay(async ({ relay, token, connect }) => {
    const [bob, other] = [await connect(), await connect()];
    const queue = newQueue();
    await bob.create(queue, token);
    await bob.send(queue, cellOf(1));
    await bob.subscribe(queue, 0);
    expect(await other.delete(queue)).toEqual(OK);
    expect(await bob.push()).toEqual({ kind: "ended", recipientId: queue.recipientId, reason: "gone" });
    expect(await bob.send(queue, cellOf(1))).toEqual(NO_QUEUE);
    expect(await other.delete(queue)).toEqual(NO_QUEUE);
    expect(relay.counts()).toMatchObject({ readers: 0, queues: 0, cells: 0 });
  }));

test("cells expire after 21 days, by the relay's clock", () =>
  withRelay(async ({ relay, token, clock, connect }) => {
    const day = 24 * 60 * 60_000;
    const bob = await connect();
    const queue = newQueue();
    await bob.create(queue, token);
    await bob.send(queue, cellOf(1));
    clock.advance(20 * day);
    const again = await connect();
    await again.send(queue, cellOf(2));
    expect(relay.counts().cells).toBe(2);
    clock.advance(day + 60 * 60_000);
    const later = await connect();
    while (relay.counts().cells > 1) await later.call({ kind: "ping" });
    await later.subscribe(queue, 10);
    expect(await later.push()).toMatchObject({ seq: 2 });
    expect(relay.counts().cells).toBe(1);
  }));

test("a clock that leaps years ahead, while the relay runs or while it was off, expires no cell that could not be read", () =>
  withRelay(async ({ directory, relay, token, clock, connect }) => {
    const day = 24 * 60 * 60_000;
    const bob = await connect();
    const queue = newQueue();
    const ownerSeed = randomBytes(32);
    const slotId = randomBytes(24);
    const ownerKey = publicKeyOf(signingKey(ownerSeed));
    await bob.create(queue, token);
    await bob.send(queue, cellOf(1));
    await bob.call({ kind: "slot-put", token, slotId, ownerKey, expires: clock.now() + day, cell: cellOf(2) });
    clock.leap(800 * day);
    clock.advance(3 * day);
    const [after, before] = [await connect(), clock.now()];
    for (let n = 0; n < 20; n++) await after.call({ kind: "ping" });
    expect(relay.counts()).toMatchObject({ queues: 1, cells: 1, slots: 1 });
    await relay.stop();

    clock.leap(800 * day);
    const risen = await startRelay({ directory, host: "127.0.0.1", port: 0, clock });
    try {
      const again = await RawClient.connect(risen.address);
      await again.subscribe(queue, 10);
      expect(await again.push()).toMatchObject({ seq: 1, cell: cellOf(1) });
      clock.advance(22 * day);
      await again.closed;
      clock.leap(before - clock.now());
      const last = await RawClient.connect(risen.address);
      while (risen.counts().cells > 0) await last.call({ kind: "ping" });
      await last.send(queue, cellOf(3));
      await last.call({ kind: "ping" });
      expect(risen.counts()).toMatchObject({ queues: 1, cells: 1 });
      await last.close();
    } finally {
      await risen.stop();
    }
  }));

test("a slot is claimed once; a second key burns it, and owner and claimant both see that", () =>
  withRelay(async ({ token, connect, clock }) => {
    const [owner, claimant, second] = [await connect(), await connect(), await connect()];
    const slotId = randomBytes(24);
    const [ownerSeed, claimSeed, secondSeed] = [randomBytes(32), randomBytes(32), randomBytes(32)];
    const ownerKey = publicKeyOf(signingKey(ownerSeed));
    const put = { kind: "slot-put" as const, token, slotId, ownerKey, expires: clock.now() + 1_000, cell: cellOf(3) };
    expect(await owner.call(put)).toEqual(OK);
    expect(await owner.call(put)).toEqual(OK);
    expect(await owner.status(slotId, ownerSeed)).toEqual({ kind: "slot-state", state: "open" });
    expect(await second.status(slotId, secondSeed)).toEqual({ kind: "refused", reason: "no-slot" });
    expect(await claimant.claim(slotId, claimSeed)).toEqual({ kind: "slot-cell", cell: cellOf(3) });
    const resumed = await connect();
    expect(await resumed.claim(slotId, claimSeed)).toEqual({ kind: "slot-cell", cell: cellOf(3) });
    expect(await owner.status(slotId, ownerSeed)).toEqual({ kind: "slot-state", state: "claimed" });
    const burned = { kind: "refused", reason: "burned" };
    expect(await second.claim(slotId, secondSeed)).toEqual(burned);
    expect(await claimant.claim(slotId, claimSeed)).toEqual(burned);
    expect(await owner.status(slotId, ownerSeed)).toEqual({ kind: "slot-state", state: "burned" });
  }));

test("a claim must prove that it holds its key, so that nobody fetches in another's name or burns by forging", () =>
  withRelay(async ({ token, connect, clock }) => {
    const [owner, forger] = [await connect(), await connect()];
    const slotId = randomBytes(24);
    const ownerSeed = randomBytes(32);
    const ownerKey = publicKeyOf(signingKey(ownerSeed));
    await owner.call({ kind: "slot-put", token, slotId, ownerKey, expires: clock.now() + 1_000, cell: cellOf(3) });
    const forged = { kind: "slot-claim" as const, slotId, claimKey: randomBytes(32), signature: randomBytes(64) };
    expect(await forger.call(forged)).toEqual({ kind: "refused", reason: "no-slot" });
    expect(await owner.status(slotId, ownerSeed)).toEqual({ kind: "slot-state", state: "open" });
    clock.advance(1_000);
    expect(await owner.status(slotId, ownerSeed)).toEqual({ kind: "slot-state", state: "expired" });
    expect(await forger.claim(slotId, randomBytes(32))).toEqual({ kind: "refused", reason: "expired" });
  }));

test("a slot that would live for years is refused", () =>
  withRelay(async ({ token, connect, clock }) => {
    const owner = await connect();
    const expires = clock.now() + 1_000 * 24 * 60 * 60_000;
    const slot = { slotId: randomBytes(24), ownerKey: randomBytes(32), expires, cell: cellOf(1) };
    expect(await owner.call({ kind: "slot-put", token, ...slot })).toEqual({ kind: "refused", reason: "invalid" });
  }));

test("after a crash every answered cell is there and every answered acknowledgement holds", () =>
  withRelay(async ({ directory, relay, token, clock, connect }) => {
    const bob = await connect();
    const queue = newQueue();
    await bob.create(queue, token);
    await bob.subscribe(queue, 10);
    for (let n = 1; n <= 4; n++) await bob.send(queue, cellOf(n));
    await bob.acknowledge(queue, 2, 3);
    // What a kill leaves behind: the files as they are at this moment.
    const image = `${directory}-image`;
    await cp(directory, image, { recursive: true });
    const risen = await startRelay({ directory: image, host: "127.0.0.1", port: 0, clock });
    try {
      expect(risen.address.pin).toEqual(relay.address.pin);
      expect(risen.address.token).toEqual(relay.address.token);
      const again = await RawClient.connect(risen.address);
      expect(await again.subscribe(queue, 10)).toEqual({ kind: "subscribed", nextSeq: 5 });
      expect([await again.push(), await again.push()]).toMatchObject([{ seq: 1 }, { seq: 4 }]);
      expect(await again.send(queue, cellOf(5))).toEqual(OK);
      expect(await again.push()).toMatchObject({ seq: 5 });
      await again.close();
    } finally {
      await risen.stop();
    }
  }));

test("the relay's files are for its user alone, and its url leads back to it", () =>
  withRelay(async ({ directory, relay }) => {
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    for (const secret of ["token", "tls-key.pem"])
      expect((await stat(join(directory, secret))).mode & 0o777).toBe(0o600);
    expect((await readdir(directory)).filter((name) => name.startsWith("."))).toEqual([]);
    expect(parseRelayUrl(relay.url)).toEqual(relay.address);
  }));

test("TLS is version 1.3 with a well-formed certificate of the pinned key", () =>
  withRelay(async ({ relay }) => {
    const socket = connectTls({ host: "127.0.0.1", port: relay.port, rejectUnauthorized: false });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    expect(socket.getProtocol()).toBe("TLSv1.3");
    const certificate = socket.getPeerX509Certificate();
    if (certificate === undefined) throw new Error("no certificate");
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.subject).toBe("CN=relay");
    expect(certificate.ca).toBe(false);
    expect(new Date(certificate.validTo).getUTCFullYear()).toBe(9999);
    const key = certificate.publicKey.export({ format: "der", type: "spki" });
    expect(createHash("sha256").update(key).digest()).toEqual(relay.address.pin);
    socket.destroy();
    const old = connectTls({ host: "127.0.0.1", port: relay.port, rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    await expect(
      new Promise((resolve, reject) => old.once("secureConnect", resolve).once("error", reject)),
    ).rejects.toThrow();
  }));

test("a second relay on the same directory or port is refused with a clear failure", () =>
  withRelay(async ({ directory, relay }) => {
    const failureOf = async (starting: Promise<Relay>): Promise<Failure> => {
      const error = await starting.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(Failure);
      return error as Failure;
    };
    const same = await failureOf(startRelay({ directory, host: "127.0.0.1", port: 0 }));
    expect(same.code).toBe("busy");
    expect(same.message).toContain("another relay is running");
    const elsewhere = `${directory}-2`;
    await mkdir(elsewhere);
    const port = await failureOf(startRelay({ directory: elsewhere, host: "127.0.0.1", port: relay.port }));
    expect(port.code).toBe("busy");
    expect(port.message).toContain(`port ${relay.port}`);
    const third = await startRelay({ directory: elsewhere, host: "127.0.0.1", port: 0 });
    await third.stop();
  }));

test("a client that breaks the protocol is disconnected, and others notice nothing", () =>
  withRelay(async ({ relay, connect }) => {
    const good = await connect();
    const garbage = await connect();
    garbage.socket.write(randomBytes(BLOCK_SIZE));
    await garbage.closed;
    const impatient = await RawClient.connectSilently(relay.address);
    impatient.socket.write(toRelay.encode(1, { kind: "ping" }));
    await impatient.closed;
    const foreign = await RawClient.connectSilently(relay.address);
    foreign.socket.write(toRelay.encode(0, { kind: "hello", version: 9 }));
    await foreign.closed;
    const twice = await connect();
    twice.socket.write(toRelay.encode(0, { kind: "hello", version: 1 }));
    await twice.closed;
    expect(await good.call({ kind: "ping" })).toEqual(OK);
    expect(relay.counts().connections).toBe(1);
  }));

test("a client that never says hello, or falls silent, or shows no key, is disconnected in time; one that has a queue and pings stays", () =>
  withRelay(async ({ relay, token, clock, connect }) => {
    const mute = await RawClient.connectSilently(relay.address);
    const [silent, alive, stranger] = [await connect(), await connect(), await connect()];
    await Promise.all([silent, alive].map((client) => client.create(newQueue(), token)));
    clock.advance(10_000);
    await mute.closed;
    await stranger.call({ kind: "ping" });
    for (let minute = 0; minute < 7; minute++) {
      clock.advance(60_000);
      await alive.call({ kind: "ping" });
    }
    await stranger.closed;
    await silent.closed;
    expect(await alive.call({ kind: "ping" })).toEqual(OK);
  }));

test("a client that reads no answers stops being read, and the relay's memory stays bounded", () =>
  withRelay(
    async ({ relay, connect }) => {
      const greedy = await connect();
      greedy.socket.pause();
      const ping = toRelay.encode(1, { kind: "ping" });
      const flood = 4_000;
      for (let n = 0; n < flood; n++) greedy.socket.write(ping);
      const other = await connect();
      for (let n = 0; n < 50; n++) await other.call({ kind: "ping" });
      // Much of the flood is still with the client: the relay took what its answers and the kernel's buffers hold.
      expect(greedy.socket.writableLength).toBeGreaterThan((flood / 2) * BLOCK_SIZE);
      expect(relay.counts().connections).toBe(2);
    },
    { unsent: 65_536 },
  ));

test("stopping ends half-open connections too", () =>
  inTemporaryDirectory(async (directory) => {
    const relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
    const socket = connectTcp(relay.port, "127.0.0.1");
    await new Promise((resolve) => socket.once("connect", resolve));
    const closed = new Promise((resolve) => socket.on("error", () => undefined).once("close", resolve));
    socket.resume();
    await relay.stop();
    await closed;
  }));

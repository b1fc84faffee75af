import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import {
  BLOB_READ_MAX,
  BLOB_WRITE_MAX,
  blobCreateFields,
  blobGrantFields,
  blobReadFields,
} from "../../relay/wire/blob.ts";
import type { Answer } from "../../relay/wire/frame.ts";
import { publicKeyOf, type SignedCommand, signCommand, signingKey } from "../../relay/wire/proof.ts";
import type { RawClient } from "./raw-client.ts";
import { withRelay } from "./scene.ts";

interface TestBlob {
  readonly blobId: Buffer;
  readonly ownerSeed: Buffer;
  readonly readId: Buffer;
  readonly readSeed: Buffer;
}

const newBlob = (): TestBlob => ({
  blobId: randomBytes(24),
  ownerSeed: randomBytes(32),
  readId: randomBytes(24),
  readSeed: randomBytes(32),
});

const NO_BLOB = { kind: "refused", reason: "no-blob" };
const DAY = 24 * 3_600_000;

/** Commands about blobs on one connection, each signed with the seed that is given. */
function blobClient(client: RawClient) {
  const sign = (seed: Buffer, command: SignedCommand, fields: Buffer): Buffer =>
    signCommand(signingKey(seed), command, client.exporter, fields);
  return {
    create({ blobId, ownerSeed }: TestBlob, octets: number, token: Buffer): Promise<Answer> {
      const signature = sign(ownerSeed, "BLOB_CREATE", blobCreateFields({ blobId, octets }));
      const ownerKey = publicKeyOf(signingKey(ownerSeed));
      return client.call({ kind: "blob-create", token, blobId, ownerKey, octets, signature });
    },
    grant({ blobId, readId, readSeed }: TestBlob, ownerSeed: Buffer): Promise<Answer> {
      const readers = [{ readId, readKey: publicKeyOf(signingKey(readSeed)) }];
      const signature = sign(ownerSeed, "BLOB_GRANT", blobGrantFields({ blobId, readers }));
      return client.call({ kind: "blob-grant", blobId, signature, readers });
    },
    write({ blobId }: TestBlob, content: Buffer, from = 0): void {
      for (let at = 0; at < content.length; at += BLOB_WRITE_MAX)
        client.tell({
          kind: "blob-write",
          blobId,
          offset: from + at,
          bytes: content.subarray(at, at + BLOB_WRITE_MAX),
        });
    },
    sync: ({ blobId }: TestBlob): Promise<Answer> => client.call({ kind: "blob-sync", blobId }),
    async read({ readId }: TestBlob, seed: Buffer, offset: number, length: number): Promise<Buffer | Answer> {
      const signature = sign(seed, "BLOB_READ", blobReadFields({ readId, offset, length }));
      const answer = await client.call({ kind: "blob-read", readId, offset, length, signature });
      return answer.kind === "ok" ? client.blobOctets() : answer;
    },
    done: ({ readId }: TestBlob, seed: Buffer): Promise<Answer> =>
      client.call({ kind: "blob-done", readId, signature: sign(seed, "BLOB_DONE", readId) }),
    delete: ({ blobId }: TestBlob, seed: Buffer): Promise<Answer> =>
      client.call({ kind: "blob-delete", blobId, signature: sign(seed, "BLOB_DELETE", blobId) }),
  };
}

test("a blob is written, read octet for octet, and gone from the disk when its reader has it", () =>
  withRelay(async ({ connect, token, directory, relay }) => {
    const client = await connect(2);
    const blobs = blobClient(client);
    const blob = newBlob();
    const content = randomBytes(3_000_000);
    expect(await blobs.create(blob, content.length, token)).toEqual({ kind: "blob-stored", octets: 0 });
    expect(await blobs.grant(blob, blob.ownerSeed)).toEqual({ kind: "ok" });
    blobs.write(blob, content);
    expect(await blobs.sync(blob)).toEqual({ kind: "blob-stored", octets: content.length });
    const read = await Promise.all([0, 1, 2].map((n) => blobs.read(blob, blob.readSeed, n * 1_000_000, 1_000_000)));
    expect(Buffer.concat(read as Buffer[]).equals(content)).toBe(true);
    expect(await readdir(join(directory, "blobs"))).toHaveLength(1);
    expect(relay.counts()).toMatchObject({ blobs: 1, octets: content.length });
    expect(await blobs.done(blob, blob.readSeed)).toEqual({ kind: "ok" });
    expect(await readdir(join(directory, "blobs"))).toHaveLength(0);
    expect(await blobs.read(blob, blob.readSeed, 0, 1)).toEqual(NO_BLOB);
    expect(relay.counts()).toMatchObject({ blobs: 0, octets: 0 });
  }));

test("after a break a blob is gone on with behind what is on the disk", () =>
  withRelay(async ({ connect, token }) => {
    const content = randomBytes(500_000);
    const blob = newBlob();
    const first = await connect(2);
    await blobClient(first).create(blob, content.length, token);
    blobClient(first).write(blob, content.subarray(0, 200_000));
    await blobClient(first).sync(blob);
    blobClient(first).write(blob, content.subarray(200_000, 300_000), 200_000);
    await first.close();

    const blobs = blobClient(await connect(2));
    expect(await blobs.create(blob, content.length, token)).toEqual({ kind: "blob-stored", octets: 200_000 });
    await blobs.grant(blob, blob.ownerSeed);
    expect(await blobs.read(blob, blob.readSeed, 150_000, 100_000)).toEqual({ kind: "refused", reason: "retry" });
    blobs.write(blob, content.subarray(200_000), 200_000);
    await blobs.sync(blob);
    expect(await blobs.read(blob, blob.readSeed, 0, content.length)).toEqual(content);
  }));

test("nobody writes, reads, grants or removes a blob without its keys, or without a token", () =>
  withRelay(async ({ connect, token }) => {
    const blob = newBlob();
    const [owner, other] = [blobClient(await connect(2)), blobClient(await connect(2))];
    const stranger = randomBytes(32);
    expect(await other.create(blob, 100, randomBytes(32))).toEqual({ kind: "refused", reason: "forbidden" });
    await owner.create(blob, 100, token);
    await owner.grant(blob, blob.ownerSeed);
    owner.write(blob, randomBytes(100));
    await owner.sync(blob);
    expect(await other.create({ ...blob, ownerSeed: stranger }, 100, token)).toEqual({
      kind: "refused",
      reason: "in-use",
    });
    expect(await other.grant(blob, stranger)).toEqual(NO_BLOB);
    expect(await other.read(blob, stranger, 0, 100)).toEqual(NO_BLOB);
    expect(await other.done(blob, stranger)).toEqual(NO_BLOB);
    expect(await other.delete(blob, stranger)).toEqual(NO_BLOB);
    expect(await other.sync(blob)).toEqual(NO_BLOB);
    expect(await owner.delete(blob, blob.ownerSeed)).toEqual({ kind: "ok" });
    expect(await owner.read(blob, blob.readSeed, 0, 100)).toEqual(NO_BLOB);
  }));

test("octets that do not follow, or do not fit, are passed over", () =>
  withRelay(async ({ connect, token }) => {
    const blobs = blobClient(await connect(2));
    const blob = newBlob();
    await blobs.create(blob, 1_000, token);
    blobs.write(blob, randomBytes(100), 100);
    blobs.write(blob, randomBytes(1_001));
    expect(await blobs.sync(blob)).toEqual({ kind: "blob-stored", octets: 0 });
    blobs.write(blob, randomBytes(100));
    blobs.write(blob, randomBytes(901), 100);
    expect(await blobs.sync(blob)).toEqual({ kind: "blob-stored", octets: 100 });
  }));

test("a blob has as many octets as blobs may, and lives three weeks", () =>
  withRelay(
    async ({ connect, token, clock, relay }) => {
      const blob = newBlob();
      const first = blobClient(await connect(2));
      expect(await first.create(blob, 1_001, token)).toEqual({ kind: "refused", reason: "invalid" });
      expect(await first.create(blob, 1_000, token)).toMatchObject({ kind: "blob-stored" });
      for (let day = 0; day < 20; day++) clock.advance(DAY);
      expect(relay.counts().blobs).toBe(1);
      for (let day = 0; day < 2; day++) clock.advance(DAY);
      while (relay.counters.get("blobs_expired") === 0) await new Promise((resolve) => setImmediate(resolve));
      expect(relay.counts().blobs).toBe(0);
    },
    { blobOctets: 1_000, sweepInterval: DAY },
  ));

test("a client that reads much and takes nothing holds up none but itself, and little memory", () =>
  withRelay(async ({ connect, token }) => {
    const content = randomBytes(8 * BLOB_READ_MAX);
    const blob = newBlob();
    const [client, greedy] = [await connect(2), await connect(2)];
    const blobs = blobClient(client);
    await blobs.create(blob, content.length, token);
    await blobs.grant(blob, blob.ownerSeed);
    blobs.write(blob, content);
    await blobs.sync(blob);
    greedy.socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    for (let n = 0; n < 200; n++)
      blobClient(greedy)
        .read(blob, blob.readSeed, (n % 8) * BLOB_READ_MAX, BLOB_READ_MAX)
        .catch(() => undefined);
    for (let n = 0; n < 8; n++)
      expect(await blobs.read(blob, blob.readSeed, n * BLOB_READ_MAX, BLOB_READ_MAX)).toHaveLength(BLOB_READ_MAX);
    // 200 answers are 200 MB.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(60_000_000);
  }));

test("under version 1 there are no blobs: who asks for one there is disconnected", () =>
  withRelay(async ({ connect, token }) => {
    const client = await connect();
    await expect(blobClient(client).create(newBlob(), 100, token)).rejects.toThrow("disconnected");
  }));

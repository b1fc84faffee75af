import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import type { BlobRecord } from "../../../relay/blob-store.ts";
import type { BlobReader } from "../../../relay/wire/blob.ts";
import { ROOMY, TOKEN, type WithStore } from "./engine.ts";

export function newBlob(octets = 100_000): BlobRecord {
  return { blobId: randomBytes(24), ownerKey: randomBytes(32), octets };
}

export function newBlobReader(): BlobReader {
  return { readId: randomBytes(24), readKey: randomBytes(32) };
}

/** The store of `withStore` knows TOKEN. */
export function describeBlobs(engine: string, withStore: WithStore): void {
  test(`${engine}: a blob made twice is one blob, with what was durable of it; another under its id is refused`, () =>
    withStore(ROOMY, async ({ store: { blobs: store } }) => {
      const blob = newBlob();
      expect(await store.create(blob, TOKEN, 1)).toEqual({ kind: "open", stored: 0 });
      expect(await store.write(blob.blobId, 0, [randomBytes(60_000)])).toBe(true);
      expect(await store.create(blob, TOKEN, 2)).toEqual({ kind: "open", stored: 0 });
      expect(await store.sync(blob.blobId, 60_000)).toBe(60_000);
      expect(await store.create(blob, TOKEN, 2)).toEqual({ kind: "open", stored: 60_000 });
      expect(await store.create({ ...blob, octets: 100_001 }, TOKEN, 2)).toEqual({ kind: "in-use" });
      expect(await store.create({ ...blob, ownerKey: randomBytes(32) }, TOKEN, 2)).toEqual({ kind: "in-use" });
      expect(await store.create(newBlob(), randomBytes(32), 2)).toEqual({ kind: "forbidden" });
      expect(store.counts()).toEqual({ blobs: 1 });
    }));

  test(`${engine}: what is durable is read octet for octet, by readers alone, and nothing past it`, () =>
    withStore(ROOMY, async ({ store: { blobs: store } }) => {
      const blob = newBlob();
      const reader = newBlobReader();
      const content = randomBytes(100_000);
      await store.create(blob, TOKEN, 1);
      expect(await store.grant(blob.blobId, [reader])).toBe("granted");
      expect(await store.grant(blob.blobId, [reader, newBlobReader()])).toBe("granted");
      expect(await store.readKey(reader.readId)).toEqual(reader.readKey);
      await store.write(blob.blobId, 0, [content.subarray(0, 10_000), content.subarray(10_000, 50_000)]);
      expect(await store.read(reader.readId, 0, 1)).toBe("incomplete");
      await store.sync(blob.blobId, 50_000);
      expect(await store.read(reader.readId, 10, 40_000)).toEqual(content.subarray(10, 40_010));
      expect(await store.read(reader.readId, 49_999, 2)).toBe("incomplete");
      expect(await store.read(reader.readId, 99_999, 2)).toBe("invalid");
      expect(await store.read(randomBytes(24), 0, 1)).toBe("no-blob");
      expect(await store.write(blob.blobId, 99_999, [randomBytes(2)])).toBe(false);
      expect(await store.sync(blob.blobId, 10)).toBe(50_000);
    }));

  test(`${engine}: a reader's id is one reader's of one blob`, () =>
    withStore(ROOMY, async ({ store: { blobs: store } }) => {
      const [one, other] = [newBlob(), newBlob()];
      const [reader, fresh] = [newBlobReader(), newBlobReader()];
      await store.create(one, TOKEN, 1);
      await store.create(other, TOKEN, 1);
      expect(await store.grant(one.blobId, [reader])).toBe("granted");
      expect(await store.grant(other.blobId, [fresh, reader])).toBe("in-use");
      expect(await store.grant(one.blobId, [{ ...reader, readKey: randomBytes(32) }])).toBe("in-use");
      expect(await store.grant(newBlob().blobId, [fresh])).toBe("no-blob");
      expect(await store.readKey(fresh.readId)).toBeUndefined();
    }));

  test(`${engine}: a blob goes with its last reader, with its owner's word, or with its time`, () =>
    withStore(ROOMY, async ({ store: { blobs: store, ...whole } }) => {
      const [read, deleted, old] = [newBlob(), newBlob(), newBlob()];
      const readers = [newBlobReader(), newBlobReader()];
      for (const [at, blob] of [read, deleted, old].entries()) await store.create(blob, TOKEN, at);
      await store.grant(read.blobId, readers);
      await store.write(read.blobId, 0, [randomBytes(100)]);
      expect(whole.octets()).toBe(300_000);
      for (const { readId } of readers) {
        expect(await store.ownerKey(read.blobId)).toEqual(read.ownerKey);
        expect(await store.finish(readId)).toBe(true);
        expect(await store.finish(readId)).toBe(false);
      }
      expect(await store.ownerKey(read.blobId)).toBeUndefined();
      expect(await store.write(read.blobId, 100, [randomBytes(1)])).toBe(false);
      expect(await store.sync(read.blobId, 1)).toBeUndefined();
      expect(await store.remove(deleted.blobId)).toBe(true);
      expect(await store.remove(deleted.blobId)).toBe(false);
      expect(await store.expire(2)).toBe(0);
      expect(await store.expire(3)).toBe(1);
      expect(whole.octets()).toBe(0);
      expect(store.counts()).toEqual({ blobs: 0 });
    }));

  test(`${engine}: a blob's octets count from its beginning, for the relay and for its token`, () =>
    withStore({ ...ROOMY, octets: 250_000, blobs: 2 }, async ({ store: { blobs: store, tokens, ...whole } }) => {
      const small = randomBytes(32);
      await tokens.add(small, { name: "small", madeAt: 1, queues: undefined, octets: 99_999, creationsPerHour: 1 });
      expect(await store.create(newBlob(), small, 1)).toEqual({ kind: "full" });
      expect(await store.create(newBlob(), TOKEN, 1)).toMatchObject({ kind: "open" });
      const last = newBlob();
      expect(await store.create(last, TOKEN, 1)).toMatchObject({ kind: "open" });
      expect(await store.create(newBlob(50_001), TOKEN, 1)).toEqual({ kind: "full" });
      expect(await store.create(newBlob(1), TOKEN, 1)).toEqual({ kind: "full" });
      expect(whole.octets()).toBe(200_000);
      await store.remove(last.blobId);
      expect(await store.create(newBlob(1), TOKEN, 1)).toMatchObject({ kind: "open" });
    }));

  test(`${engine}: after a crash what was durable is there, and the rest is written on from there`, () =>
    withStore(ROOMY, async ({ store: { blobs: store }, reopen }) => {
      const blob = newBlob(30_000);
      const reader = newBlobReader();
      const content = randomBytes(30_000);
      await store.create(blob, TOKEN, 1);
      await store.grant(blob.blobId, [reader]);
      await store.write(blob.blobId, 0, [content.subarray(0, 10_000)]);
      await store.sync(blob.blobId, 10_000);
      await store.write(blob.blobId, 10_000, [Buffer.alloc(10_000, 1)]);
      const { blobs: again, ...whole } = await reopen();
      expect(whole.octets()).toBe(30_000);
      expect(await again.create(blob, TOKEN, 1)).toEqual({ kind: "open", stored: 10_000 });
      await again.write(blob.blobId, 10_000, [content.subarray(10_000)]);
      expect(await again.sync(blob.blobId, 30_000)).toBe(30_000);
      expect(await again.read(reader.readId, 0, 30_000)).toEqual(content);
    }));

  test(`${engine}: the blobs of a token that was revoked with what it made go with the next sweep`, () =>
    withStore(ROOMY, async ({ store: { blobs: store, tokens } }) => {
      const blob = newBlob();
      await store.create(blob, TOKEN, 1);
      await tokens.revoke("first", 2, "goes");
      expect(await store.expire(0)).toBe(1);
      expect(await store.ownerKey(blob.blobId)).toBeUndefined();
    }));
}

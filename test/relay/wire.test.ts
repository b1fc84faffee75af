import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { toRanges } from "../../relay/wire/acknowledge.ts";
import type { Done } from "../../relay/wire/answer.ts";
import type { BlobData } from "../../relay/wire/blob.ts";
import { BLOCK_SIZE, BlockSplitter, decodeBlock, encodeBlock, MAX_PAYLOAD } from "../../relay/wire/block.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { type Answer, type Command, type Push, toClient, toRelay } from "../../relay/wire/frame.ts";
import type { Hello, Versions } from "../../relay/wire/handshake.ts";

const fixed = (size: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => Buffer.from(bytes));
const id = fixed(24);
const key = fixed(32);
const signature = fixed(64);
const cell = fc.integer({ min: 0, max: 255 }).map((byte) => Buffer.alloc(CELL_SIZE, byte));
const u32 = fc.integer({ min: 0, max: 0xffffffff });
const u64 = fc.maxSafeNat();
const kind = <K extends string>(name: K): fc.Arbitrary<K> => fc.constant(name);

const commands: fc.Arbitrary<Command | Hello> = fc.oneof(
  fc.record({ kind: kind("hello"), version: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: kind("create"), token: key, recipientId: id, senderId: id, recipientKey: key, senderKey: key }),
  fc.record({ kind: kind("subscribe"), recipientId: id, after: u64, credit: u32, signature }),
  fc.record({ kind: kind("credit"), recipientId: id, count: u32 }),
  fc.record({
    kind: kind("acknowledge"),
    recipientId: id,
    ranges: fc.array(
      fc.tuple(u64, u64).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) })),
      { minLength: 1, maxLength: 1_000 },
    ),
  }),
  fc.record({ kind: kind("send"), senderId: id, mac: key, cell }),
  fc.record({ kind: kind("delete"), recipientId: id, signature }),
  fc.record({ kind: kind("slot-put"), token: key, slotId: id, ownerKey: key, expires: u64, cell }),
  fc.record({ kind: kind("slot-claim"), slotId: id, claimKey: key, signature }),
  fc.record({ kind: kind("slot-status"), slotId: id, signature }),
  fc.record({ kind: kind("slot-delete"), slotId: id, signature }),
  fc.record({ kind: kind("ping") }),
  fc.record({ kind: kind("blob-create"), token: key, blobId: id, ownerKey: key, octets: u64, signature }),
  fc.record({
    kind: kind("blob-grant"),
    blobId: id,
    signature,
    readers: fc.array(fc.record({ readId: id, readKey: key }), { minLength: 1, maxLength: 256 }),
  }),
  fc.record({ kind: kind("blob-write"), blobId: id, offset: u64, bytes: fixed(16_345) }),
  fc.record({ kind: kind("blob-sync"), blobId: id }),
  fc.record({
    kind: kind("blob-read"),
    readId: id,
    offset: u64,
    length: fc.integer({ min: 1, max: 64 * 16_369 }),
    signature,
  }),
  fc.record({ kind: kind("blob-done"), readId: id, signature }),
  fc.record({ kind: kind("blob-delete"), blobId: id, signature }),
);

const responses: fc.Arbitrary<Versions | Push | Answer | Done | BlobData> = fc.oneof(
  fc.record({ kind: kind("versions"), versions: fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 255 }) }),
  fc.record({ kind: kind("message"), recipientId: id, seq: u64, cell }),
  fc.record({
    kind: kind("ended"),
    recipientId: id,
    reason: fc.constantFrom<"taken-over" | "gone">("taken-over", "gone"),
  }),
  fc.record({ kind: kind("ok") }),
  fc.record({ kind: kind("done"), correlations: fc.array(u32, { minLength: 1, maxLength: 4_000 }) }),
  fc.record({ kind: kind("refused"), reason: fc.constantFrom<"full" | "retry" | "burned">("full", "retry", "burned") }),
  fc.record({ kind: kind("subscribed"), nextSeq: u64 }),
  fc.record({ kind: kind("slot-cell"), cell }),
  fc.record({ kind: kind("slot-state"), state: fc.constantFrom<"open" | "expired">("open", "expired") }),
  fc.record({ kind: kind("blob-stored"), octets: u64 }),
  fc.record({ kind: kind("blob-data"), offset: u64, bytes: fixed(16_369) }),
);

test("every command is read as it was written, in a block of exactly 16,384 bytes", () => {
  fc.assert(
    fc.property(u32, commands, (correlation, message) => {
      const block = toRelay.encode(correlation, message);
      expect(block.length).toBe(BLOCK_SIZE);
      expect(toRelay.decode(block)).toEqual({ correlation, message });
    }),
  );
});

test("every response is read as it was written, in a block of exactly 16,384 bytes", () => {
  fc.assert(
    fc.property(u32, responses, (correlation, message) => {
      const block = toClient.encode(correlation, message);
      expect(block.length).toBe(BLOCK_SIZE);
      expect(toClient.decode(block)).toEqual({ correlation, message });
    }),
  );
});

test("a block with a payload cut short or prolonged throws a DecodeError", () => {
  fc.assert(
    fc.property(commands, fc.integer({ min: 0, max: MAX_PAYLOAD }), (message, length) => {
      // Its octets go to the payload's end, wherever that is.
      if (message.kind === "blob-write" && length >= 37) return;
      const payload = decodeBlock(toRelay.encode(1, message));
      if (length === payload.length) return;
      const other = Buffer.alloc(length);
      payload.copy(other);
      expect(() => toRelay.decode(encodeBlock(new ByteWriter().raw(other)))).toThrow(DecodeError);
    }),
  );
});

test("a block with flipped bits or of random bytes is read or throws a DecodeError, and nothing else", () => {
  const readOrRefuse = (block: Buffer): void => {
    for (const direction of [toRelay, toClient]) {
      try {
        direction.decode(block);
      } catch (error) {
        expect(error).toBeInstanceOf(DecodeError);
      }
    }
  };
  fc.assert(
    fc.property(
      fc.oneof(commands),
      fc.integer({ min: 0, max: 200 }),
      fc.integer({ min: 1, max: 255 }),
      (m, at, mask) => {
        const block = toRelay.encode(7, m);
        block[at] = (block[at] ?? 0) ^ mask;
        readOrRefuse(block);
      },
    ),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => readOrRefuse(encodeBlock(new ByteWriter().raw(bytes)))),
  );
  for (let round = 0; round < 50; round++) readOrRefuse(randomBytes(BLOCK_SIZE));
});

test("padding that is not zero is refused, so that it cannot carry a mark", () => {
  const block = toRelay.encode(1, { kind: "ping" });
  block[BLOCK_SIZE - 1] = 1;
  expect(() => toRelay.decode(block)).toThrow(DecodeError);
});

test("an ACK of no ranges, too many, or one that ends before it begins is refused", () => {
  const recipientId = Buffer.alloc(24);
  const none = toRelay.encode(1, { kind: "acknowledge", recipientId, ranges: [] });
  expect(() => toRelay.decode(none)).toThrow(DecodeError);
  const many = Array.from({ length: 1_001 }, () => ({ first: 1, last: 1 }));
  expect(() => toRelay.decode(toRelay.encode(1, { kind: "acknowledge", recipientId, ranges: many }))).toThrow(
    DecodeError,
  );
  const backwards = [{ first: 2, last: 1 }];
  expect(() => toRelay.decode(toRelay.encode(1, { kind: "acknowledge", recipientId, ranges: backwards }))).toThrow(
    DecodeError,
  );
});

test("the longest command, a slot with its cell, fits into a block", () => {
  const message = {
    kind: "slot-put" as const,
    token: Buffer.alloc(32),
    slotId: Buffer.alloc(24),
    ownerKey: Buffer.alloc(32),
    expires: Number.MAX_SAFE_INTEGER,
    cell: Buffer.alloc(CELL_SIZE, 1),
  };
  expect(toRelay.decode(toRelay.encode(0xffffffff, message)).message).toEqual(message);
});

test("a stream is cut into the same blocks whatever pieces it comes in", () => {
  const blocks = Array.from({ length: 5 }, () => randomBytes(BLOCK_SIZE));
  const stream = Buffer.concat(blocks);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3 * BLOCK_SIZE }), { maxLength: 20 }), (sizes) => {
      const splitter = new BlockSplitter();
      const got: Buffer[] = [];
      let offset = 0;
      for (const size of [...sizes, stream.length]) {
        got.push(...splitter.push(stream.subarray(offset, offset + size)));
        offset = Math.min(offset + size, stream.length);
      }
      expect(got.length).toBe(5);
      expect(Buffer.concat(got).equals(stream)).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("ranges cover exactly the numbers that went in, and as few as possible", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }), (seqs) => {
      const ranges = toRanges(seqs);
      const covered = ranges.flatMap(({ first, last }) =>
        Array.from({ length: last - first + 1 }, (_, i) => first + i),
      );
      expect(covered).toEqual([...new Set(seqs)].sort((a, b) => a - b));
      for (const [index, range] of ranges.entries()) {
        const next = ranges[index + 1];
        if (next !== undefined) expect(next.first).toBeGreaterThan(range.last + 1);
      }
    }),
  );
});

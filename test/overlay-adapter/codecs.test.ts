import { randomBytes } from "node:crypto";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type AddressLabel, addressLabel } from "../../foundation/address.ts";
import { decodeBase32 } from "../../foundation/base32.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import { decodeHelloMessage, encodeHelloMessage } from "../../overlay-adapter/contacts/hello-message.ts";
import {
  encodeInviteBundle,
  inviteKeys,
  openHello,
  openInviteBundle,
  sealHello,
  sealInviteBundle,
} from "../../overlay-adapter/contacts/invite-bundle.ts";
import { formatInviteLink, parseInviteLink } from "../../overlay-adapter/contacts/invite-link.ts";
import {
  CHUNK,
  chunkStart,
  dataChunks,
  FIRST_CHUNK,
  LETTER_SIZE_MAX,
  openChunk,
  paddedCells,
  sealChunk,
} from "../../overlay-adapter/letters/letter-content.ts";
import {
  decodeLetterHeader,
  encodeLetterHeader,
  type LetterHeader,
} from "../../overlay-adapter/letters/letter-header.ts";
import { INNER_SIZE } from "../../overlay-adapter/limits.ts";
import { decodeInnerCell, encodeInnerCell, type InnerCell } from "../../overlay-adapter/queues/cell.ts";
import { openCell, sealCell } from "../../overlay-adapter/queues/cell-seal.ts";
import {
  decodeQueueAddress,
  encodeQueueAddress,
  type QueueAddress,
} from "../../overlay-adapter/queues/queue-address.ts";
import { decodeControl, encodeControl } from "../../overlay-adapter/sessions/control.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map((a) => Buffer.from(a));
const slot = fc.record({
  deviceId: fc.integer({ min: 1, max: 127 }),
  type: fc.constantFrom("first" as const, "ratchet" as const),
  bytes: fc.uint8Array({ maxLength: 2028 }).map((a) => Buffer.from(a)),
});
const cell: fc.Arbitrary<InnerCell> = fc.oneof(
  fc.record({
    kind: fc.constant("letter" as const),
    tag: bytes(16),
    senderDevice: fc.integer({ min: 1, max: 127 }),
    cells: fc.integer({ min: 0, max: 11 }).map((power) => 2 ** power),
    slots: fc.array(slot, { maxLength: 2 }),
    commitment: bytes(32),
    chunk: bytes(FIRST_CHUNK + 16),
  }),
  fc.record({
    kind: fc.constant("body" as const),
    tag: bytes(16),
    index: fc.integer({ min: 1, max: 2047 }),
    chunk: bytes(CHUNK + 16),
  }),
  fc.record({ kind: fc.constant("hello" as const), nonce: bytes(12), sealed: bytes(4000) }),
);
const address: fc.Arbitrary<QueueAddress> = fc.record({
  relay: fc.record({
    host: fc.constantFrom("relay.example.org", "127.0.0.1", "::1", "a.onion"),
    port: fc.integer({ min: 1, max: 65_535 }),
    pin: bytes(32),
  }),
  senderId: bytes(24),
  senderKey: bytes(32),
  queueKey: bytes(32),
});
const header: fc.Arbitrary<LetterHeader> = fc.record({
  kind: fc.constantFrom("mail" as const, "control" as const),
  flags: fc.integer({ min: 0, max: 65_535 }),
  contentKey: bytes(32),
  manifestHash: bytes(32),
  id: bytes(16),
  seq: fc.integer({ min: 1, max: 2 ** 50 }),
  prevHash: bytes(32),
  size: fc.integer({ min: 0, max: LETTER_SIZE_MAX }),
  stateHash: bytes(32),
  mark: bytes(16),
});

function throwsOnly(decode: (input: Buffer) => unknown, error: abstract new (...parameters: never[]) => Error) {
  return (input: Uint8Array) => {
    try {
      decode(Buffer.from(input));
    } catch (thrown) {
      if (!(thrown instanceof error)) throw thrown;
    }
  };
}

test("every cell is the same after encoding and decoding, and fits its seal exactly", () => {
  fc.assert(
    fc.property(cell, (cell) => {
      const encoded = encodeInnerCell(cell);
      expect(encoded.length).toBeLessThanOrEqual(INNER_SIZE);
      if (cell.kind !== "hello") expect(encoded.length).toBe(INNER_SIZE);
      expect(decodeInnerCell(encoded)).toEqual(cell);
    }),
    { numRuns: 40 },
  );
});

test("a letter for sixteen devices has cells of slots that decode to the same", () => {
  const slots = Array.from({ length: 7 }, (_, at) => ({
    deviceId: at + 3,
    type: "first" as const,
    bytes: randomBytes(1888),
  }));
  const cell: InnerCell = { kind: "slots", tag: randomBytes(16), slots };
  expect(decodeInnerCell(encodeInnerCell(cell))).toEqual(cell);
});

test("headers and queue addresses are the same after encoding and decoding", () => {
  fc.assert(fc.property(header, (header) => expect(decodeLetterHeader(encodeLetterHeader(header))).toEqual(header)));
  fc.assert(
    fc.property(address, (address) => expect(decodeQueueAddress(encodeQueueAddress(address))).toEqual(address)),
  );
});

test("control letters are the same after encoding and decoding, and unknown ones are taken", () => {
  fc.assert(
    fc.property(address, (address) => {
      expect(decodeControl(encodeControl({ kind: "queue", address, order: 7 }))).toEqual({
        kind: "queue",
        address,
        order: 7,
      });
    }),
    { numRuns: 20 },
  );
  const welcome = { kind: "welcome", nonce: randomBytes(32) } as const;
  expect(decodeControl(encodeControl(welcome))).toEqual(welcome);
  expect(decodeControl(Buffer.from([99, 1, 2]))).toEqual({ kind: "unknown" });
});

test("decoders of whatever comes from outside throw DecodeError and nothing else", () => {
  const decoders = [
    decodeInnerCell,
    decodeLetterHeader,
    decodeQueueAddress,
    decodeControl,
    (input: Buffer) => decodeHelloMessage(input, Buffer.alloc(9)),
  ];
  for (const decode of decoders) {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), throwsOnly(decode, DecodeError)));
    const versioned = fc.tuple(fc.constantFrom(1, 2, 3, 4), fc.uint8Array({ maxLength: 6000 }));
    fc.assert(
      fc.property(versioned, ([kind, rest]) => throwsOnly(decode, DecodeError)(Buffer.from([1, kind, ...rest]))),
      { numRuns: 50 },
    );
  }
});

test("a sealed cell has the size of every cell, and one flipped bit, another key or another use does not open it", () => {
  const key = randomBytes(32);
  const sealed = sealCell(key, "postern cell 1", Buffer.from("inside"), randomBytes(12));
  expect(sealed.length).toBe(CELL_SIZE);
  expect(openCell(key, "postern cell 1", sealed)?.subarray(0, 6).toString()).toBe("inside");
  expect(openCell(key, "postern invite 1 bundle", sealed)).toBeUndefined();
  expect(openCell(randomBytes(32), "postern cell 1", sealed)).toBeUndefined();
  expect(openCell(key, "postern cell 1", sealed.subarray(1))).toBeUndefined();
  fc.assert(
    fc.property(fc.integer({ min: 0, max: CELL_SIZE * 8 - 1 }), (bit) => {
      const flipped = Buffer.from(sealed);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      expect(openCell(key, "postern cell 1", flipped)).toBeUndefined();
    }),
  );
});

test("sizes fall into powers of two, and the largest letter into the most cells", () => {
  expect([0, 1, FIRST_CHUNK].map(paddedCells)).toEqual([1, 1, 1]);
  expect(paddedCells(FIRST_CHUNK + 1)).toBe(2);
  expect(paddedCells(FIRST_CHUNK + 2 * CHUNK)).toBe(4);
  expect(paddedCells(LETTER_SIZE_MAX)).toBe(2048);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: LETTER_SIZE_MAX }), (size) => {
      const chunks = dataChunks(size);
      expect(chunkStart(chunks)).toBeGreaterThanOrEqual(size);
      expect(chunkStart(chunks - 1)).toBeLessThanOrEqual(size);
      expect(paddedCells(size)).toBeGreaterThanOrEqual(chunks);
    }),
  );
});

test("a chunk opens only at its own place", () => {
  const key = randomBytes(32);
  const sealed = sealChunk(key, 3, Buffer.from("piece"));
  expect(sealed).toEqual(sealChunk(key, 3, Buffer.from("piece")));
  expect(openChunk(key, 3, sealed)?.subarray(0, 5).toString()).toBe("piece");
  expect(openChunk(key, 4, sealed)).toBeUndefined();
});

const LINK = {
  expiresAt: 1_900_000_000_000,
  secret: randomBytes(32),
  relay: { host: "relay.example.org", port: 5224, pin: randomBytes(32) },
};
const INVITER = addressLabel(randomBytes(32));

function link(label: AddressLabel = INVITER): string {
  return formatInviteLink({ ...LINK, inviter: label }, decodeBase32(label) ?? Buffer.alloc(32));
}

test("a link is short enough for a comfortable QR code and says what it was made of", () => {
  expect(link().length).toBeLessThanOrEqual(200);
  expect(parseInviteLink(link())).toEqual({ ...LINK, inviter: INVITER });
});

test("a link survives line breaks, blanks, angle brackets and a full stop behind it", () => {
  const text = `<${link().replace(/(.{40})/g, "$1\r\n  ")}>.`;
  expect(parseInviteLink(text).secret).toEqual(LINK.secret);
});

test("a mistyped link is refused with a text for a person", () => {
  const good = link();
  fc.assert(
    fc.property(
      fc.integer({ min: 8, max: good.length - 1 }),
      fc.constantFrom("a", "B", "3", "_", "-"),
      (at, character) => {
        fc.pre(good[at] !== character && at < good.length - 1);
        const wrong = good.slice(0, at) + character + good.slice(at + 1);
        expect(() => parseInviteLink(wrong)).toThrow(Failure);
      },
    ),
  );
  expect(() => parseInviteLink(good.slice(0, -3))).toThrow("a character is wrong or missing");
  expect(() => parseInviteLink("https://example.org")).toThrow("begins with postern:");
  expect(() => parseInviteLink(`postern:${"a".repeat(5000)}`)).toThrow("too long");
  fc.assert(fc.property(fc.string(), throwsOnly((input) => parseInviteLink(input.toString()), Failure) as never));
});

test("bundle and hello open with the invite's own keys alone", () => {
  const keys = inviteKeys(LINK.secret);
  const others = inviteKeys(randomBytes(32));
  const queue = { relay: LINK.relay, senderId: randomBytes(24), senderKey: randomBytes(32), queueKey: randomBytes(32) };
  const bundle = {
    accountState: randomBytes(11_500),
    preKeys: randomBytes(1813),
    queue,
    commitment: randomBytes(32),
    asks: true,
  };
  const cell = sealInviteBundle(encodeInviteBundle(bundle), keys, randomBytes(12));
  expect(openInviteBundle(cell, keys)).toEqual(bundle);
  expect(() => openInviteBundle(cell, others)).toThrow(DecodeError);
  const hello = { accountState: randomBytes(11_500), deviceId: 1, firstMessage: randomBytes(2200) };
  const nonce = randomBytes(12);
  const sealed = sealHello(hello, keys, nonce);
  expect(openHello(sealed, nonce, keys)).toEqual(hello);
  expect(() => openHello(sealed, nonce, others)).toThrow(DecodeError);
  expect(encodeInnerCell({ kind: "hello", nonce, sealed }).length).toBeLessThanOrEqual(INNER_SIZE);
});

test("a hello's message is bound to the account state beside it", () => {
  const queue = { relay: LINK.relay, senderId: randomBytes(24), senderKey: randomBytes(32), queueKey: randomBytes(32) };
  const said = { queue, nonce: randomBytes(32) };
  const message = encodeHelloMessage(said, Buffer.from("state"));
  expect(decodeHelloMessage(message, Buffer.from("state"))).toEqual(said);
  expect(() => decodeHelloMessage(message, Buffer.from("other"))).toThrow(DecodeError);
});

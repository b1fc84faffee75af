import { ByteWriter } from "../../../foundation/bytes.ts";
import type { Done } from "../../../relay/wire/answer.ts";
import type { BlobData } from "../../../relay/wire/blob.ts";
import { encodeBlock, MAX_PAYLOAD } from "../../../relay/wire/block.ts";
import { CELL_SIZE } from "../../../relay/wire/cell.ts";
import { type Answer, type Command, type Push, toClient, toRelay } from "../../../relay/wire/frame.ts";
import type { Hello, Versions } from "../../../relay/wire/handshake.ts";
import { severalReaders } from "../several-readers.ts";

const id = Buffer.alloc(24, 1);
const key = Buffer.alloc(32, 2);
const signature = Buffer.alloc(64, 3);
const cell = Buffer.alloc(CELL_SIZE, 4);

const COMMANDS: readonly (Command | Hello)[] = [
  { kind: "hello", version: 1 },
  { kind: "create", token: key, recipientId: id, senderId: id, recipientKey: key, senderKey: key },
  { kind: "subscribe", recipientId: id, after: 7, credit: 100, signature },
  { kind: "credit", recipientId: id, count: 5 },
  {
    kind: "acknowledge",
    recipientId: id,
    ranges: [
      { first: 1, last: 3 },
      { first: 5, last: 5 },
    ],
  },
  { kind: "send", senderId: id, mac: key, cell },
  { kind: "delete", recipientId: id, signature },
  { kind: "slot-put", token: key, slotId: id, ownerKey: key, expires: 1_800_000_000_000, cell },
  { kind: "slot-claim", slotId: id, claimKey: key, signature },
  { kind: "slot-status", slotId: id, signature },
  { kind: "slot-delete", slotId: id, signature },
  { kind: "ping" },
  { kind: "forward", pin: key, port: 5224, host: "relay.example" },
  { kind: "tunnel" },
  { kind: "pace" },
  { kind: "cover", mean: 300 },
  { kind: "blob-create", token: key, blobId: id, ownerKey: key, octets: 1_000_000, signature },
  { kind: "blob-grant", blobId: id, signature, readers: [1, 2].map(() => ({ readId: id, readKey: key })) },
  { kind: "blob-write", blobId: id, offset: 16_345, bytes: Buffer.alloc(500, 5) },
  { kind: "blob-sync", blobId: id },
  { kind: "blob-read", readId: id, offset: 16_369, length: 1_000, signature },
  { kind: "blob-done", readId: id, signature },
  { kind: "blob-delete", blobId: id, signature },
];

const RESPONSES: readonly (Versions | Push | Answer | Done | BlobData)[] = [
  { kind: "versions", versions: [1, 2, 3] },
  { kind: "message", recipientId: id, seq: 9, cell },
  { kind: "ended", recipientId: id, reason: "gone" },
  { kind: "ok" },
  { kind: "done", correlations: [1, 2, 0xffffffff] },
  { kind: "refused", reason: "full" },
  { kind: "subscribed", nextSeq: 4 },
  { kind: "slot-cell", cell },
  { kind: "slot-state", state: "burned" },
  { kind: "blob-stored", octets: 500_000 },
  { kind: "blob-data", offset: 16_369, bytes: Buffer.alloc(500, 6) },
];

/** A block's payload, without its length and padding. */
const payload = (block: Buffer) => block.subarray(2, 2 + block.readUInt16BE(0));

/** What is read is written as it was: there is one way to say a thing, and no room for marks. */
function readBlock<M>(
  direction: {
    decode(block: Buffer): { correlation: number; message: M };
    encode(correlation: number, message: M): Buffer;
  },
  input: Buffer,
): void {
  const block = encodeBlock(new ByteWriter().raw(input.subarray(0, MAX_PAYLOAD)));
  const { correlation, message } = direction.decode(block);
  if (!direction.encode(correlation, message).equals(block)) throw new Error("two blocks that say the same");
}

/** Blocks from a client and from a relay, and whole ones whose padding is not their own. */
export const relayWire = severalReaders(
  "relay-wire",
  ["\0", "\x01", "\xff\xff", "\0\0\0\0\0\0\0\x01", "\0\x02", "\x7f\xff", "relay.example"],
  [
    {
      read: (input) => readBlock(toRelay, input),
      seeds: COMMANDS.map((command) => payload(toRelay.encode(1, command))),
    },
    {
      read: (input) => readBlock(toClient, input),
      seeds: RESPONSES.map((response) => payload(toClient.encode(1, response))),
    },
    { read: (input) => toRelay.decode(input), seeds: [toRelay.encode(1, { kind: "ping" })] },
    { read: (input) => toClient.decode(input), seeds: [toClient.encode(1, { kind: "ok" })] },
  ],
);

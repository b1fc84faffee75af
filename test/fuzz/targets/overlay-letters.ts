import { isDeepStrictEqual } from "node:util";
import { DecodeError } from "../../../foundation/bytes.ts";
import { messageCounter } from "../../../keyring/message-counter.ts";
import { decodeReference, encodeReference } from "../../../overlay-adapter/blobs/blob-reference.ts";
import { decodeContactLetter, encodeContactLetter } from "../../../overlay-adapter/contacts/contact-letters.ts";
import { CHUNK, FIRST_CHUNK } from "../../../overlay-adapter/letters/letter-content.ts";
import { decodeLetterHeader, encodeLetterHeader } from "../../../overlay-adapter/letters/letter-header.ts";
import { decodeInnerCell, encodeInnerCell, type InnerCell } from "../../../overlay-adapter/queues/cell.ts";
import { decodeRecord, encodeRecord } from "../../../overlay-adapter/recovery/record.ts";
import { type Control, decodeControl, encodeControl } from "../../../overlay-adapter/sessions/control.ts";
import { decodeRenewal, encodeRenewal } from "../../../overlay-adapter/sessions/renewal.ts";
import { severalReaders } from "../several-readers.ts";
import { ACCOUNT_STATE, DEVICE_BUNDLE, LABEL, QUEUE } from "./some-person.ts";

const tag = Buffer.alloc(16, 1);
const id = Buffer.alloc(16, 2);
const hash = Buffer.alloc(32, 3);
const mark = Buffer.alloc(16, 4);

const CELLS: readonly InnerCell[] = [
  {
    kind: "letter",
    tag,
    senderDevice: 1,
    cells: 2,
    slots: [{ deviceId: 1, type: "first", bytes: Buffer.alloc(1888, 5) }],
    commitment: Buffer.alloc(32, 6),
    chunk: Buffer.alloc(FIRST_CHUNK + 16, 6),
  },
  { kind: "body", tag, index: 1, chunk: Buffer.alloc(CHUNK + 16, 7) },
  { kind: "slots", tag, slots: [{ deviceId: 2, type: "ratchet", bytes: Buffer.alloc(250, 8) }] },
  { kind: "hello", nonce: Buffer.alloc(12, 9), sealed: Buffer.alloc(2000, 10) },
  { kind: "renewal", tag, bytes: Buffer.alloc(2500, 11) },
];

const CONTROLS: readonly Exclude<Control, { kind: "unknown" }>[] = [
  { kind: "welcome", nonce: hash },
  { kind: "queue", address: QUEUE, order: 1_800_000_000_000 },
  { kind: "state", accountState: ACCOUNT_STATE },
  { kind: "receipts", receipts: [{ letter: id, headerHash: hash }] },
  { kind: "acknowledgements", receipts: [1, 2, 3].map(() => ({ letter: id, headerHash: hash })) },
  { kind: "blob-failed", letter: id },
  { kind: "abilities" },
];

/** Whatever was read can be written, and means the same when it is read again. */
function again<T>(decode: (input: Buffer) => T, encode: (value: T) => Buffer): (input: Buffer) => void {
  return (input) => {
    const read = decode(input);
    if (!isDeepStrictEqual(decode(encode(read)), read)) throw new Error("it means another thing when it is written");
  };
}

/** A ratchet message as libsignal writes it, with number 5 in its chain; what authenticates it is nobody's. */
const RATCHET = Buffer.concat([
  Buffer.of(0x44, 0x0a, 33, 5),
  Buffer.alloc(32, 14),
  Buffer.of(0x10, 5, 0x18, 0, 0x22, 16),
  Buffer.alloc(16, 15),
  Buffer.alloc(8, 16),
]);
const FIRST = Buffer.concat([Buffer.of(0x44, 0x08, 1, 0x22, RATCHET.length), RATCHET, Buffer.of(0x28, 1)]);

/** libsignal refuses by errors of its own. */
function readCounter(type: "first" | "ratchet", input: Buffer): void {
  try {
    messageCounter(type, input);
  } catch (error) {
    // By its name: under jest libsignal's errors are another realm's.
    if (!(error instanceof DecodeError || (error as Error).name === "LibSignalError")) throw error;
  }
}

/** Cells of a queue, and letters between bridges. */
export const overlayLetters = severalReaders(
  "overlay-letters",
  ["\0", "\x01", "\x02", "\x20", "\xff\xff", "\0\0\0\0\0\0\0\x01", "\x01\x01", "\0\x20"],
  [
    {
      read: again(decodeReference, encodeReference),
      seeds: [encodeReference({ relay: QUEUE.relay, readSecret: hash })],
    },
    { read: again(decodeInnerCell, encodeInnerCell), seeds: CELLS.map(encodeInnerCell) },
    {
      read: again(decodeLetterHeader, encodeLetterHeader),
      seeds: [
        encodeLetterHeader({
          kind: "mail",
          flags: 0,
          contentKey: hash,
          manifestHash: hash,
          id,
          seq: 7,
          prevHash: hash,
          size: 4000,
          stateHash: hash,
          mark,
        }),
      ],
    },
    {
      read: again(decodeControl, (control) => (control.kind === "unknown" ? Buffer.of(99) : encodeControl(control))),
      seeds: CONTROLS.map(encodeControl),
    },
    {
      read: again(decodeContactLetter, (letter) =>
        letter === undefined ? Buffer.of(99) : encodeContactLetter(letter),
      ),
      seeds: [
        encodeContactLetter({ kind: "invite-alarm" }),
        encodeContactLetter({ kind: "introduction-offer", id, other: LABEL, coRecipient: true, name: "Bö" }),
        encodeContactLetter({
          kind: "introduction-answer",
          id,
          ephemeral: hash,
          signature: Buffer.alloc(64, 12),
          accountState: ACCOUNT_STATE,
        }),
        encodeContactLetter({ kind: "introduction-bundle", id, sealed: Buffer.alloc(300, 13) }),
      ],
    },
    { read: (input) => readCounter("ratchet", input), seeds: [RATCHET] },
    { read: (input) => readCounter("first", input), seeds: [FIRST] },
    {
      read: again(decodeRecord, encodeRecord),
      seeds: [
        encodeRecord({
          accountState: ACCOUNT_STATE,
          highestDeviceId: 3,
          relays: [{ ...QUEUE.relay, token: hash }],
          contacts: [
            {
              label: LABEL,
              petname: "bob",
              state: "frozen",
              how: "invite",
              before: "verified",
              accountState: ACCOUNT_STATE,
              phrase: "antenna boat praise very",
              address: QUEUE,
              told: 1_800_000_000_000,
              heard: 1_800_000_000_001,
              queues: [
                {
                  relay: QUEUE.relay,
                  recipientId: Buffer.alloc(24, 15),
                  recipientSeed: hash,
                  senderId: Buffer.alloc(24, 16),
                  senderKey: hash,
                  queueKey: hash,
                },
              ],
            },
          ],
        }),
      ],
    },
    {
      // What does not fit into a cell is left out when it is written.
      read: decodeRenewal,
      seeds: [
        encodeRenewal({
          begin: true,
          answer: true,
          accountState: ACCOUNT_STATE,
          preKeys: DEVICE_BUNDLE,
          pinned: ACCOUNT_STATE,
          received: { deviceId: 1, as: 1, seq: 5, hash, mark },
          unopened: [tag, id],
          queue: { address: QUEUE, order: 7, signature: Buffer.alloc(64, 14) },
        }),
      ],
    },
  ],
);

import * as fc from "fast-check";
import { DecodeError } from "../../../foundation/bytes.ts";
import { Failure } from "../../../foundation/failure.ts";
import { decodeAccountState } from "../../../keyring/account-state.ts";
import { decodeBundle } from "../../../keyring/device-bundle.ts";
import { decodeHeader } from "../../../overlay-adapter/carry/bundle.ts";
import { decodeHelloMessage } from "../../../overlay-adapter/contacts/hello-message.ts";
import { parseInviteLink } from "../../../overlay-adapter/contacts/invite-link.ts";
import { decodeLetterHeader } from "../../../overlay-adapter/letters/letter-header.ts";
import { decodeInnerCell } from "../../../overlay-adapter/queues/cell.ts";
import { decodeQueueAddress } from "../../../overlay-adapter/queues/queue-address.ts";
import { decodeControl } from "../../../overlay-adapter/sessions/control.ts";
import { decodeRenewal } from "../../../overlay-adapter/sessions/renewal.ts";
import { encodeBlock } from "../../../relay/wire/block.ts";
import { toClient, toRelay } from "../../../relay/wire/frame.ts";
import { octets, type Target } from "../target.ts";

/** Longest that a block's payload can be made here; the rest of the block is padding. */
const PAYLOAD = 1000;
const block = (input: Buffer) => encodeBlock(input.subarray(0, PAYLOAD));

const decodeHelloMessageOfAnyState = (input: Buffer) => decodeHelloMessage(input, input);

/** Each decoder of what a relay or a contact sends; the input's first octet chooses. */
const READERS: readonly ((input: Buffer) => unknown)[] = [
  (input) => toRelay.decode(block(input)),
  (input) => toClient.decode(block(input)),
  decodeInnerCell,
  decodeControl,
  decodeLetterHeader,
  decodeQueueAddress,
  decodeAccountState,
  decodeBundle,
  (input) => parseInviteLink(input.toString("utf8")),
  decodeHeader,
  decodeRenewal,
  decodeHelloMessageOfAnyState,
];

/** A stranger's octets are taken or refused with DecodeError, a link that a person pasted with Failure. */
export const overlay: Target = {
  name: "overlay",
  seeds: [
    "\x00\0\0\0\x01\x01\0\x10",
    "\x01\0\0\0\x01\x81",
    "\x02\x01\x02",
    "\x04\x01\x01\0\0\0\0\0\0\0\x01",
    "\x08postern:abc?x=y",
    "\x09\x01\x02\0\0\0\0\0\0\0\x01\0\x01",
  ].map(octets),
  tokens: ["\0", "\x01", "\x02", "\xff\xff", "\0\0\0\0\0\0\0\x01", "\0\x20", "postern:"],
  structured: fc
    .tuple(
      fc.nat(READERS.length - 1),
      fc.constantFrom("", "\x01", "\0\0\0\x01"),
      fc.nat(40),
      fc.uint8Array({ maxLength: 120 }),
    )
    .map(([which, begin, type, rest]) =>
      Buffer.concat([Buffer.from([which]), octets(begin), Buffer.from([type]), rest]),
    ),
  run(input) {
    try {
      READERS[(input[0] ?? 0) % READERS.length]?.(input.subarray(1));
    } catch (error) {
      if (!(error instanceof DecodeError || error instanceof Failure)) throw error;
    }
  },
};

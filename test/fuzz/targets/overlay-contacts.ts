import { decodeBase32 } from "../../../foundation/base32.ts";
import { seal } from "../../../foundation/seal.ts";
import { decodeAccountState } from "../../../keyring/account-state.ts";
import { decodeBundle } from "../../../keyring/device-bundle.ts";
import { cpaceShare } from "../../../overlay-adapter/contacts/cpace.ts";
import { decodeHelloMessage, encodeHelloMessage } from "../../../overlay-adapter/contacts/hello-message.ts";
import {
  encodeInviteBundle,
  inviteKeys,
  openHello,
  openInviteBundle,
} from "../../../overlay-adapter/contacts/invite-bundle.ts";
import { formatInviteLink, parseInviteLink } from "../../../overlay-adapter/contacts/invite-link.ts";
import { formatPairCode, parsePairCode } from "../../../overlay-adapter/contacts/pair-code.ts";
import {
  answerPair,
  nameplateKeys,
  openPairOffer,
  pairInputs,
  sealPairOffer,
  takePairAnswer,
} from "../../../overlay-adapter/contacts/pair-messages.ts";
import { INNER_SIZE } from "../../../overlay-adapter/limits.ts";
import { openCell, sealCell } from "../../../overlay-adapter/queues/cell-seal.ts";
import { decodeQueueAddress, encodeQueueAddress } from "../../../overlay-adapter/queues/queue-address.ts";
import { severalReaders } from "../several-readers.ts";
import { octets } from "../target.ts";
import { ACCOUNT_STATE, DEVICE_BUNDLE, LABEL, QUEUE } from "./some-person.ts";

const nonce = Buffer.alloc(12, 1);
const random = Buffer.alloc(32, 2);
const keys = inviteKeys(random);

const CODE = { nameplate: 7, password: "guitar-lemon-orbit" };
const { cellKey } = nameplateKeys(QUEUE.relay, CODE.nameplate);
const session = Buffer.alloc(16, 3);
const { scalar, share } = cpaceShare(pairInputs(CODE, QUEUE.relay, session), Buffer.alloc(32, 4));
const OFFER = { session, share, queue: QUEUE };
const ANSWER = answerPair(CODE, QUEUE.relay, OFFER, Buffer.alloc(32, 5));
if (ANSWER === undefined) throw new Error("no answer to an offer that is one");

const BUNDLE = encodeInviteBundle({
  accountState: ACCOUNT_STATE,
  preKeys: DEVICE_BUNDLE,
  queue: QUEUE,
  commitment: random,
  asks: true,
});
const sealedPairOffer = openCell(cellKey, "postern pair 1 offer", sealPairOffer(OFFER, cellKey, nonce));
const greeting = Buffer.concat([
  Buffer.of(1, ACCOUNT_STATE.length >> 8, ACCOUNT_STATE.length & 255),
  ACCOUNT_STATE,
  Buffer.of(1, 0, 100),
  Buffer.alloc(100, 6),
]);

/** An account state has one encoding: two that are valid and say the same would have two hashes, which is a fork. */
function readAccountState(input: Buffer): void {
  const verification = decodeAccountState(input);
  if (verification.kind === "valid" && !input.equals(ACCOUNT_STATE)) throw new Error("a forged account state is valid");
}

/** What comes before somebody is a contact, and who they say they are; what was sealed is sealed here. */
export const overlayContacts = severalReaders(
  "overlay-contacts",
  ["\0", "\x01", "\x02", "\xff\xff", "\0\x20", "postern:", "7-", "-guitar", "relay.example", "\0\0\0\x01"],
  [
    { read: readAccountState, seeds: [ACCOUNT_STATE] },
    { read: decodeBundle, seeds: [DEVICE_BUNDLE] },
    { read: decodeQueueAddress, seeds: [encodeQueueAddress(QUEUE)] },
    {
      read: (input) => openInviteBundle(sealCell(keys.bundleKey, "postern invite 1 bundle", fit(input), nonce), keys),
      seeds: [BUNDLE],
    },
    {
      read: (input) => openHello(seal(keys.replyKey, nonce, input, octets("postern invite 1 hello")), nonce, keys),
      seeds: [greeting],
    },
    // The hash at its beginning is right or wrong; what follows is read where it is right.
    {
      read: (input) =>
        decodeHelloMessage(
          Buffer.concat([encodeHelloMessage({ queue: QUEUE, nonce: random }, random).subarray(0, 33), input]),
          random,
        ),
      seeds: [encodeHelloMessage({ queue: QUEUE, nonce: random }, random).subarray(33)],
    },
    { read: (input) => decodeHelloMessage(input, input), seeds: [octets("\x02")] },
    {
      read: (input) => openPairOffer(sealCell(cellKey, "postern pair 1 offer", fit(input), nonce), cellKey),
      seeds: [sealedPairOffer ?? Buffer.alloc(0)],
    },
    {
      read: (input) => takePairAnswer({ ...OFFER, scalar }, input, nonce),
      seeds: [ANSWER.seal(BUNDLE, nonce)],
    },
    {
      read: (input) => answerPair(CODE, QUEUE.relay, { ...OFFER, share: input.subarray(0, 32) }, Buffer.alloc(32, 5)),
      seeds: [share],
    },
    {
      read: (input) => parseInviteLink(input.toString("utf8")),
      seeds: [
        octets(
          formatInviteLink(
            { expiresAt: 1_900_000_000_000, secret: random, relay: QUEUE.relay, inviter: LABEL },
            decodeBase32(LABEL) ?? Buffer.alloc(32),
          ),
        ),
      ],
    },
    { read: (input) => parsePairCode(input.toString("utf8")), seeds: [octets(formatPairCode(CODE))] },
  ],
);

/** As much as a cell holds. */
function fit(input: Buffer): Buffer {
  return input.subarray(0, INNER_SIZE);
}

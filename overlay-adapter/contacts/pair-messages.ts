import { ByteReader, ByteWriter, DecodeError } from "../../foundation/bytes.ts";
import { deriveKey, open, seal } from "../../foundation/seal.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { openCell, sealCell } from "../queues/cell-seal.ts";
import { decodeQueueAddress, encodeQueueAddress, type QueueAddress } from "../queues/queue-address.ts";
import {
  type CpaceInputs,
  confirmationTag,
  cpaceKey,
  cpaceSecret,
  cpaceShare,
  POINT_SIZE,
  TAG_SIZE,
  tagFits,
} from "./cpace.ts";
import { inviteKeys } from "./invite-bundle.ts";
import type { PairCode } from "./pair-code.ts";

export const SESSION_SIZE = 16;

/** What whoever made the code lays down under its nameplate. */
export interface PairOffer {
  /** CPace's sid. */
  readonly session: Buffer;
  readonly share: Buffer;
  /** Takes the one answer. */
  readonly queue: QueueAddress;
}

/** The nameplate's slot and its seal. Both are a number's secrets, hence nobody's: they only make all slots look alike. */
export function nameplateKeys(
  { pin }: RelayAddress,
  nameplate: number,
): { readonly slotId: Buffer; readonly cellKey: Buffer } {
  const name = new ByteWriter().raw(pin).u32(nameplate).bytes();
  return {
    slotId: deriveKey(name, "postern pair 1 nameplate", 24),
    cellKey: deriveKey(name, "postern pair 1 offer"),
  };
}

/** PRS, CI and sid: one code means another thing at each relay. */
export function pairInputs(code: PairCode, { pin }: RelayAddress, session: Uint8Array): CpaceInputs {
  const channel = new ByteWriter().raw(Buffer.from("postern pair 1")).raw(pin).u32(code.nameplate).bytes();
  return { password: Buffer.from(code.password), channel, session };
}

/** `offer = %x01 session share vector16`: 16 and 32 octets, queue address; sealed as one cell. */
export function sealPairOffer({ session, share, queue }: PairOffer, cellKey: Uint8Array, nonce: Uint8Array): Buffer {
  const inner = new ByteWriter().u8(1).raw(session).raw(share).vector16(encodeQueueAddress(queue)).bytes();
  return sealCell(cellKey, "postern pair 1 offer", inner, nonce);
}

/** @throws DecodeError */
export function openPairOffer(cell: Uint8Array, cellKey: Uint8Array): PairOffer {
  const inner = openCell(cellKey, "postern pair 1 offer", cell);
  if (inner === undefined) throw new DecodeError("the offer does not open");
  const reader = new ByteReader(inner);
  if (reader.u8() !== 1) throw new DecodeError("offer of an unknown version");
  return {
    session: Buffer.from(reader.raw(SESSION_SIZE)),
    share: Buffer.from(reader.raw(POINT_SIZE)),
    queue: decodeQueueAddress(reader.vector16()),
  };
}

const ANSWER_CONTEXT = Buffer.from("postern pair 1 answer");

/**
 * The answer of whoever was told the code, in a hello cell with this nonce, and the secret that both share if the code
 * is right: `answer = share tag sealed`, 32 and 64 octets, the bundle. undefined where the offer's share is none.
 */
export function answerPair(
  code: PairCode,
  relay: RelayAddress,
  offer: PairOffer,
  random: Uint8Array,
): { readonly secret: Buffer; readonly seal: (bundle: Uint8Array, nonce: Uint8Array) => Buffer } | undefined {
  const { scalar, share } = cpaceShare(pairInputs(code, relay, offer.session), random);
  const point = cpaceSecret(scalar, offer.share);
  if (point === undefined) return undefined;
  const own = { share, data: Buffer.alloc(0) };
  const key = cpaceKey(offer.session, point, { initiator: offerSide(offer.share, offer.queue), responder: own });
  const secret = pairSecret(key);
  const tag = confirmationTag(offer.session, key, own);
  return {
    secret,
    seal: (bundle, nonce) =>
      Buffer.concat([share, tag, seal(inviteKeys(secret).bundleKey, nonce, bundle, ANSWER_CONTEXT)]),
  };
}

/** The secret and the bundle in an answer; undefined where it was made with another code, which is all that can be said of it. */
export function takePairAnswer(
  own: PairOffer & { readonly scalar: Uint8Array },
  answer: Uint8Array,
  nonce: Uint8Array,
): { readonly secret: Buffer; readonly bundle: Buffer } | undefined {
  if (answer.length < POINT_SIZE + TAG_SIZE) return undefined;
  const share = answer.subarray(0, POINT_SIZE);
  const point = cpaceSecret(own.scalar, share);
  if (point === undefined) return undefined;
  const theirs = { share, data: Buffer.alloc(0) };
  const key = cpaceKey(own.session, point, { initiator: offerSide(own.share, own.queue), responder: theirs });
  if (!tagFits(own.session, key, theirs, answer.subarray(POINT_SIZE, POINT_SIZE + TAG_SIZE))) return undefined;
  const secret = pairSecret(key);
  const bundle = open(inviteKeys(secret).bundleKey, nonce, answer.subarray(POINT_SIZE + TAG_SIZE), ANSWER_CONTEXT);
  return bundle === undefined ? undefined : { secret, bundle };
}

/** The initiator's part of the transcript: ADa is the queue, so that nobody can put another in its place. */
function offerSide(share: Uint8Array, queue: QueueAddress) {
  return { share, data: encodeQueueAddress(queue) };
}

function pairSecret(key: Uint8Array): Buffer {
  return deriveKey(key, "postern pair 1 secret");
}

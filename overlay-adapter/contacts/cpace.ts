import { createHash, createHmac } from "node:crypto";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { equalConstantTime } from "../../foundation/bytes.ts";

/**
 * CPace, suite CPACE-RISTR255-SHA512, with roles (draft-irtf-cfrg-cpace-21 sections 7 and 8). All group arithmetic is
 * @noble/curves'; here is what the draft lays around it. Two sides with one password get one key, and whoever has
 * listened, or has answered with a guess, has learnt nothing but that this one guess was wrong.
 */
const DSI = Buffer.from("CPaceRistretto255");
/** Octets of a block of SHA-512. */
const HASH_BLOCK = 128;
export const SCALAR_SIZE = 32;
export const POINT_SIZE = 32;
export const TAG_SIZE = 64;

type Point = InstanceType<typeof ristretto255.Point>;

/** What both sides agree on before. */
export interface CpaceInputs {
  /** PRS: the password. */
  readonly password: Uint8Array;
  /** CI: whom and what the channel is between. */
  readonly channel: Uint8Array;
  /** sid: the session's id. */
  readonly session: Uint8Array;
}

/** The length in LEB128, then the bytes (appendix A.1.1). */
export function prependLength(bytes: Uint8Array): Buffer {
  const prefix: number[] = [];
  let rest = bytes.length;
  for (; rest >= 128; rest >>= 7) prefix.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...prefix, rest]), bytes]);
}

/** lv_cat of appendix A.1.3. */
function lengthValues(...values: Uint8Array[]): Buffer {
  return Buffer.concat(values.map(prependLength));
}

/** generator_string of section 8.1: the password fills the first block, so that hashing takes one time for all of them. */
export function generatorString({ password, channel, session }: CpaceInputs): Buffer {
  const used = prependLength(password).length + prependLength(DSI).length;
  const padding = Buffer.alloc(Math.max(0, HASH_BLOCK - 1 - used));
  return lengthValues(DSI, password, padding, channel, session);
}

/** calculate_generator of section 8.3. */
export function generator(inputs: CpaceInputs): Point {
  const element = ristretto255_hasher.deriveToCurve?.(sha512(generatorString(inputs)));
  if (element === undefined) throw new Error("the library derives no elements of ristretto255");
  return element;
}

/** A share Y, and what is to be kept for it; `random` is 32 random bytes, of which 252 bits are used (section 8.3). */
export function cpaceShare(
  inputs: CpaceInputs,
  random: Uint8Array,
): { readonly scalar: Buffer; readonly share: Buffer } {
  const scalar = Buffer.from(random);
  scalar[SCALAR_SIZE - 1] = (scalar[SCALAR_SIZE - 1] ?? 0) & 0x0f;
  return { scalar, share: Buffer.from(generator(inputs).multiply(toNumber(scalar)).toBytes()) };
}

/** scalar_mult_vfy: undefined where the share is no encoding of a point, or the neutral element comes out. */
export function cpaceSecret(scalar: Uint8Array, share: Uint8Array): Buffer | undefined {
  let point: Point;
  try {
    point = ristretto255.Point.fromBytes(Uint8Array.from(share));
  } catch {
    return undefined;
  }
  if (point.is0()) return undefined;
  return Buffer.from(point.multiply(toNumber(scalar)).toBytes());
}

/** What went over the wire: each side's share and what it said beside it (ADa, ADb). */
export interface CpaceTranscript {
  readonly initiator: { readonly share: Uint8Array; readonly data: Uint8Array };
  readonly responder: { readonly share: Uint8Array; readonly data: Uint8Array };
}

/** ISK, 64 bytes, over the transcript with roles (section 7). */
export function cpaceKey(session: Uint8Array, secret: Uint8Array, { initiator, responder }: CpaceTranscript): Buffer {
  const transcript = lengthValues(initiator.share, initiator.data, responder.share, responder.data);
  return sha512(Buffer.concat([lengthValues(Buffer.concat([DSI, Buffer.from("_ISK")]), session, secret), transcript]));
}

/** Shows that a side has the key: HMAC-SHA-512 over its own share and data (section 10.4). */
export function confirmationTag(session: Uint8Array, key: Uint8Array, side: CpaceTranscript["initiator"]): Buffer {
  const macKey = sha512(Buffer.concat([Buffer.from("CPaceMac"), session, key]));
  return createHmac("sha512", macKey).update(lengthValues(side.share, side.data)).digest();
}

export function tagFits(
  session: Uint8Array,
  key: Uint8Array,
  side: CpaceTranscript["initiator"],
  tag: Uint8Array,
): boolean {
  return equalConstantTime(confirmationTag(session, key, side), tag);
}

function toNumber(littleEndian: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(littleEndian).reverse().toString("hex")}`);
}

function sha512(bytes: Uint8Array): Buffer {
  return createHash("sha512").update(bytes).digest();
}

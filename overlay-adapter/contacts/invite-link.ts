import { createHash } from "node:crypto";
import type { AddressLabel } from "../../foundation/address.ts";
import { encodeBase32 } from "../../foundation/base32.ts";
import { ByteReader, ByteWriter, DecodeError, equalConstantTime } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { LINK_MAX } from "../limits.ts";
import { checkedRelay } from "../queues/queue-address.ts";

/** What an invite's link says; whoever has it can take the invite. */
export interface InviteLink {
  /** Milliseconds since 1970, in whole seconds. */
  readonly expiresAt: number;
  /** 32 random bytes; all of the invite's keys come from it. */
  readonly secret: Buffer;
  /** The inviter: SHA-256 of the paper master key, as in the address. */
  readonly inviter: AddressLabel;
  /** Where the invite lies; without a token. */
  readonly relay: RelayAddress;
}

const SCHEME = "postern:";
const VERSION = 1;
const CHECKSUM_LENGTH = 4;

/**
 *     link    = "postern:" base64url( fields checksum )      ; RFC 4648 section 5, no padding
 *     fields  = %x01 expires secret commitment pin port host
 *
 * expires 4 octets, seconds since 1970; secret, commitment and pin 32; port 2; host the rest, as ASCII. checksum is the
 * first 4 octets of SHA-256 over `"postern invite checksum" fields`: it finds typing errors, no more. About 170
 * characters with a host name of 15.
 */
export function formatInviteLink(link: InviteLink, commitment: Uint8Array): string {
  const fields = new ByteWriter()
    .u8(VERSION)
    .u32(Math.floor(link.expiresAt / 1000))
    .raw(link.secret)
    .raw(commitment)
    .raw(link.relay.pin)
    .u16(link.relay.port)
    .raw(Buffer.from(link.relay.host, "latin1"))
    .bytes();
  return SCHEME + Buffer.concat([fields, checksum(fields)]).toString("base64url");
}

/** Takes the link as it comes out of a mail or a chat: line breaks, blanks and angle brackets do not matter. @throws Failure invalid */
export function parseInviteLink(text: string): InviteLink {
  if (text.length > LINK_MAX) throw notALink("it is too long");
  const compact = text.replace(/[\s<>"]/g, "").replace(/[.,;]$/, "");
  if (!compact.toLowerCase().startsWith(SCHEME)) throw notALink("it begins with postern:");
  const encoded = compact.slice(SCHEME.length).replace(/^\/\//, "");
  if (!/^[A-Za-z0-9_-]+$/.test(encoded)) throw notALink("after postern: it has only letters, digits, - and _");
  const bytes = Buffer.from(encoded, "base64url");
  if (bytes.length <= CHECKSUM_LENGTH) throw notALink("it is cut off");
  const fields = bytes.subarray(0, -CHECKSUM_LENGTH);
  if (!equalConstantTime(checksum(fields), bytes.subarray(-CHECKSUM_LENGTH)))
    throw notALink("a character is wrong or missing; copy it again as a whole");
  try {
    const reader = new ByteReader(fields);
    if (reader.u8() !== VERSION) throw notALink("it is from a newer version of Postern; install that");
    const expiresAt = reader.u32() * 1000;
    const secret = Buffer.from(reader.raw(32));
    const inviter = encodeBase32(reader.raw(32)) as AddressLabel;
    const pin = Buffer.from(reader.raw(32));
    const port = reader.u16();
    return { expiresAt, secret, inviter, relay: checkedRelay(reader.rest().toString("latin1"), port, pin) };
  } catch (error) {
    if (error instanceof DecodeError) throw notALink("what it says makes no sense; ask for a new one");
    throw error;
  }
}

function checksum(fields: Uint8Array): Buffer {
  return createHash("sha256").update("postern invite checksum").update(fields).digest().subarray(0, CHECKSUM_LENGTH);
}

function notALink(why: string): Failure {
  return new Failure("invalid", `this is not an invite's link: ${why}`);
}

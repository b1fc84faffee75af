/**
 * How a command proves who sent it. Every proof covers the connection's exporter secret, so that none is worth anything
 * on another connection, be it replayed by a relay, a recorder or a thief of a log.
 */
import { createHmac, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { equalConstantTime } from "../../foundation/bytes.ts";

/** Which command a signature is for; no signature serves for two. */
export type SignedCommand =
  | "SUBSCRIBE"
  | "DELETE"
  | "SLOT_CLAIM"
  | "SLOT_STATUS"
  | "SLOT_DELETE"
  | "BLOB_CREATE"
  | "BLOB_GRANT"
  | "BLOB_READ"
  | "BLOB_DONE"
  | "BLOB_DELETE";

const PRIVATE_PREFIX = Buffer.from("302e020100300506032b657004220420", "hex");
const PUBLIC_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** The Ed25519 key of a 32-byte seed (RFC 8032, in RFC 8410's PKCS #8 form). */
export function signingKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_PREFIX, seed]), format: "der", type: "pkcs8" });
}

/** The 32 bytes of the public key that belongs to a signing key. */
export function publicKeyOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: "der", type: "spki" }).subarray(PUBLIC_PREFIX.length);
}

/** Ed25519 over `"postern-relay-1 " command NUL exporter fields`: 64 bytes. */
export function signCommand(key: KeyObject, command: SignedCommand, exporter: Uint8Array, fields: Uint8Array): Buffer {
  return sign(null, signedBytes(command, exporter, fields), key);
}

/** False also where the 32 bytes are no public key. */
export function verifyCommand(
  publicKey: Uint8Array,
  command: SignedCommand,
  exporter: Uint8Array,
  fields: Uint8Array,
  signature: Uint8Array,
): boolean {
  try {
    const key = createPublicKey({ key: Buffer.concat([PUBLIC_PREFIX, publicKey]), format: "der", type: "spki" });
    return verify(null, signedBytes(command, exporter, fields), key, signature);
  } catch {
    return false;
  }
}

/**
 * A sender's proof: HMAC-SHA256 with the queue's sender key over `exporter senderId cell`.
 *
 * It is a MAC and not a signature so that it can be denied: relay and recipient hold the same key and could have made
 * it themselves, so it proves to nobody else that this sender ever sent anything.
 */
export function macOfSend(senderKey: Uint8Array, exporter: Uint8Array, senderId: Uint8Array, cell: Uint8Array): Buffer {
  return createHmac("sha256", senderKey).update(exporter).update(senderId).update(cell).digest();
}

export function verifySend(
  senderKey: Uint8Array,
  exporter: Uint8Array,
  message: { readonly senderId: Uint8Array; readonly mac: Uint8Array; readonly cell: Uint8Array },
): boolean {
  return equalConstantTime(macOfSend(senderKey, exporter, message.senderId, message.cell), message.mac);
}

function signedBytes(command: SignedCommand, exporter: Uint8Array, fields: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`postern-relay-1 ${command}\0`, "ascii"), exporter, fields]);
}

import { createPrivateKey, createPublicKey } from "node:crypto";
import { deriveKey } from "../foundation/seal.ts";
import { decodeBech32, encodeBech32 } from "./bech32.ts";

/** RFC 8410: an X25519 private key in PKCS #8 is these bytes, then the scalar. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");

/** An age X25519 identity (c2sp.org/age). */
export interface RecoveryIdentity {
  /** `AGE-SECRET-KEY-1...`; a secret. */
  readonly identity: string;
  /** `age1...` */
  readonly recipient: string;
}

/** The age identity that every message file is also sealed to: HKDF of the paper master seed. */
export function recoveryIdentity(masterSeed: Uint8Array): RecoveryIdentity {
  const scalar = deriveKey(masterSeed, "postern recovery identity v1");
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, scalar]), format: "der", type: "pkcs8" });
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  if (x === undefined) throw new Error("an X25519 key without its public half");
  return {
    identity: encodeBech32("age-secret-key-", scalar).toUpperCase(),
    recipient: encodeBech32("age", Buffer.from(x, "base64url")),
  };
}

/** True for the text of an age X25519 recipient. */
export function isRecoveryRecipient(text: string): boolean {
  return text === text.toLowerCase() && decodeBech32("age", text)?.length === 32;
}

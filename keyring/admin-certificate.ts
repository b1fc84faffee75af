import { ByteWriter } from "../foundation/bytes.ts";
import { type SigningKey, verifySignature } from "./ed25519.ts";
import { CERTIFICATE_LIFETIME_MAX } from "./limits.ts";

const CONTEXT = "postern admin certificate v1";

/** M's word that K may sign account states. */
export interface AdminCertificate {
  readonly adminPublicKey: Buffer;
  /** Milliseconds since 1970. Of two certificates the one that was issued later wins. */
  readonly issuedAt: number;
  /** Milliseconds since 1970; a year after issuedAt at most. */
  readonly expiresAt: number;
  /** By M. */
  readonly signature: Buffer;
}

/** Certifies K; times in milliseconds since 1970. @throws RangeError for more than a year */
export function issueCertificate(
  master: SigningKey,
  adminPublicKey: Uint8Array,
  issuedAt: number,
  expiresAt: number,
): AdminCertificate {
  if (expiresAt <= issuedAt || expiresAt - issuedAt > CERTIFICATE_LIFETIME_MAX)
    throw new RangeError("an admin certificate lasts a year at most");
  const certificate = { adminPublicKey: Buffer.from(adminPublicKey), issuedAt, expiresAt };
  return { ...certificate, signature: master.sign(CONTEXT, certified(master.publicKey, certificate)) };
}

/** True if that master key signed the certificate. */
export function issuedBy(masterPublicKey: Uint8Array, certificate: AdminCertificate): boolean {
  return verifySignature(masterPublicKey, CONTEXT, certified(masterPublicKey, certificate), certificate.signature);
}

function certified(masterPublicKey: Uint8Array, certificate: Omit<AdminCertificate, "signature">): Buffer {
  const { adminPublicKey, issuedAt, expiresAt } = certificate;
  return new ByteWriter().raw(masterPublicKey).raw(adminPublicKey).u64(issuedAt).u64(expiresAt).bytes();
}

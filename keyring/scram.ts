import { createHash, createHmac, pbkdf2 } from "node:crypto";
import { promisify } from "node:util";
import { equalConstantTime } from "../foundation/bytes.ts";

const stretch = promisify(pbkdf2);

export interface ScramKeys {
  /** A secret: it is what a client proves to have. */
  readonly clientKey: Buffer;
  /** What the server keeps. */
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

/** SCRAM-SHA-256's keys of a password (RFC 5802 section 3, RFC 7677). The password must be prepared already; ASCII is. */
export async function scramKeys(password: string, salt: Uint8Array, iterations: number): Promise<ScramKeys> {
  const salted = await stretch(password, salt, iterations, 32, "sha256");
  const clientKey = createHmac("sha256", salted).update("Client Key").digest();
  const serverKey = createHmac("sha256", salted).update("Server Key").digest();
  return { clientKey, storedKey: storedKeyOf(clientKey), serverKey };
}

/** H(ClientKey) */
export function storedKeyOf(clientKey: Uint8Array): Buffer {
  return createHash("sha256").update(clientKey).digest();
}

/** ClientKey, as whoever knows the StoredKey recovers it from a client's proof; undefined for a wrong proof (RFC 5802 section 3). */
export function provenClientKey(storedKey: Uint8Array, authMessage: string, proof: Uint8Array): Buffer | undefined {
  const signature = createHmac("sha256", storedKey).update(authMessage).digest();
  if (proof.length !== signature.length) return undefined;
  const clientKey = Buffer.from(signature.map((octet, index) => octet ^ (proof[index] ?? 0)));
  return equalConstantTime(storedKeyOf(clientKey), storedKey) ? clientKey : undefined;
}

/** ServerSignature: what a server answers a right proof with. */
export function serverSignature(serverKey: Uint8Array, authMessage: string): Buffer {
  return createHmac("sha256", serverKey).update(authMessage).digest();
}

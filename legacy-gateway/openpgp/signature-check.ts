import type { PublicKey, Signature } from "openpgp";

/** What one signature is worth. */
export type SignatureCheck =
  /** The octets are what the key's owner signed. */
  | { readonly result: "good"; readonly key: PublicKey; readonly createdAt: number }
  /** The octets, or the signature, were changed. */
  | { readonly result: "bad" }
  | { readonly result: "unknown-key"; readonly keyId: string }
  /** It fits the octets, but proves nothing: a weak hash or key, one that was revoked, or out of its time. */
  | { readonly result: "worthless"; readonly reason: WorthlessReason };

export type WorthlessReason = "weak" | "expired" | "revoked" | "future" | "unfit-key";

/** As openpgp.js gives them. */
export interface PendingVerification {
  readonly keyID: { toHex(): string };
  readonly verified: Promise<true>;
  readonly signature: Promise<Signature>;
}

/** Waits for openpgp.js and says in our words what it found. Never throws. */
export async function judgeSignature(
  { keyID, verified, signature }: PendingVerification,
  keys: readonly PublicKey[],
): Promise<SignatureCheck> {
  const key = keys.find((one) => one.getKeys().some((part) => part.getKeyID().toHex() === keyID.toHex()));
  if (key === undefined) return { result: "unknown-key", keyId: keyID.toHex() };
  try {
    await verified;
    const created = (await signature).packets[0]?.created ?? undefined;
    return created === undefined ? { result: "bad" } : { result: "good", key, createdAt: created.getTime() };
  } catch (error) {
    const reason = worthlessReason(error instanceof Error ? error.message : String(error));
    return reason === undefined ? { result: "bad" } : { result: "worthless", reason };
  }
}

/**
 * openpgp.js has no codes for its errors, so their texts are read (version 6); they come only after the signature
 * itself was found to fit. What is not known is told as bad.
 */
function worthlessReason(message: string): WorthlessReason | undefined {
  if (/insecure|too weak|is disabled/i.test(message)) return "weak";
  if (/revoked/i.test(message)) return "revoked";
  if (/expired/i.test(message)) return "expired";
  if (/in the future|newer than/i.test(message)) return "future";
  if (/could not find (?:valid|primary)|no (?:valid )?self-sig|key flags|invalid key/i.test(message))
    return "unfit-key";
  return undefined;
}

const ORDER = ["good", "bad", "worthless", "unknown-key"] as const;

/** The one that says most: a good one beside others, else the one to warn of. */
export function strongest(checks: readonly SignatureCheck[]): SignatureCheck | undefined {
  return [...checks].sort((a, b) => ORDER.indexOf(a.result) - ORDER.indexOf(b.result))[0];
}

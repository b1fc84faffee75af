import { generateKey, type KeyOptions, type PrivateKey, type PublicKey } from "openpgp";
import type { LetterKeys } from "../../../legacy-gateway/openpgp/read-letter.ts";

export const NOW = Date.UTC(2026, 10, 25, 12);
export const HOUR = 3_600_000;
export const DAY = 24 * HOUR;

/** A key of thirty days ago. */
export async function someKey(address: string, options: Partial<KeyOptions> = {}): Promise<PrivateKey> {
  const { privateKey } = await generateKey({
    userIDs: { email: address },
    type: "ecc",
    curve: "curve25519Legacy",
    date: new Date(NOW - 30 * DAY),
    ...options,
    format: "object",
  } as KeyOptions & { format: "object" });
  return privateKey;
}

/** Own keys, and others' with the address that each belongs to. */
export function keysOf(own: readonly PrivateKey[], others: readonly (readonly [PublicKey, string])[]): LetterKeys {
  const all = [...own.map((key) => key.toPublic()), ...others.map(([key]) => key)];
  return {
    own,
    withKeyId: async (ids) => all.filter((key) => key.getKeys().some((part) => ids.includes(part.getKeyID().toHex()))),
    belongsTo: (fingerprint, address) =>
      others.some(([key, whose]) => key.getFingerprint() === fingerprint && whose === address),
  };
}

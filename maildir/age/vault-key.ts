import { randomOctets } from "../../foundation/random-octets.ts";
import { deriveKey, open, seal } from "../../foundation/seal.ts";
import { decodeRawBase64, encodeRawBase64 } from "./base64.ts";
import { AgeFormatError } from "./format-error.ts";
import type { Stanza } from "./header.ts";
import type { AgeIdentity, AgeRecipient } from "./identity.ts";
import { FILE_KEY_SIZE, TAG_SIZE } from "./limits.ts";

const KIND = "postern.alt/vault-v1";
const SALT_SIZE = 16;
const ZERO_NONCE = Buffer.alloc(12);

/**
 * The vault as recipient and identity at once. Its stanza is `-> postern.alt/vault-v1 <salt>` with a fresh salt of 16
 * octets in base64; the body is the file key under ChaCha20-Poly1305 with a zero nonce and the key
 * HKDF-SHA-256(ikm = vault key, salt, info = "postern.alt/vault-v1"). Reading needs no X25519.
 */
export class VaultKey implements AgeRecipient, AgeIdentity {
  readonly #key: Buffer;

  /** The key is 32 bytes. */
  constructor(key: Uint8Array) {
    if (key.length !== 32) throw new Error("a vault key has 32 bytes");
    this.#key = Buffer.from(key);
  }

  wrap(fileKey: Uint8Array): Stanza {
    const salt = randomOctets(SALT_SIZE);
    const key = deriveKey(this.#key, KIND, 32, salt);
    return { arguments: [KIND, encodeRawBase64(salt)], body: seal(key, ZERO_NONCE, fileKey) };
  }

  unwrap(stanzas: readonly Stanza[]): Buffer | undefined {
    for (const stanza of stanzas) {
      if (stanza.arguments[0] !== KIND) continue;
      const salt = decodeRawBase64(stanza.arguments[1] ?? "");
      if (
        stanza.arguments.length !== 2 ||
        salt?.length !== SALT_SIZE ||
        stanza.body.length !== FILE_KEY_SIZE + TAG_SIZE
      )
        throw new AgeFormatError("header", "a malformed vault stanza");
      const fileKey = open(deriveKey(this.#key, KIND, 32, salt), ZERO_NONCE, stanza.body);
      if (fileKey !== undefined) return fileKey;
    }
    return undefined;
  }
}

import { createHmac } from "node:crypto";
import { OVERLAY_DOMAIN } from "../../foundation/address.ts";
import { encodeBase32 } from "../../foundation/base32.ts";

/** 160 bits: no two letters of one person share an id, and none can be found by trying originals. */
const ID_LENGTH = 20;

/**
 * Ids as they go out, without brackets. One that says where it was made (a host name, the time, the program, the own
 * address) becomes `<base32 of HMAC-SHA-256(key, id)>@postern.alt`, always the same one, so that threads hold. Ids that
 * end in @postern.alt say nothing and stay. The key has 32 bytes.
 */
export class MessageIds {
  readonly #key: Uint8Array;
  readonly #isOwn: (id: string) => boolean;

  /** `isOwn` tells which foreign-looking ids in In-Reply-To and References were made here; all, unless it is given. */
  constructor(key: Uint8Array, isOwn: (id: string) => boolean = () => true) {
    this.#key = key;
    this.#isOwn = isOwn;
  }

  own(original: string): string {
    if (isNeutral(original)) return original;
    const code = createHmac("sha256", this.#key).update(original, "latin1").digest().subarray(0, ID_LENGTH);
    return `${encodeBase32(code)}@${OVERLAY_DOMAIN}`;
  }

  referenced(id: string): string {
    return this.#isOwn(id) ? this.own(id) : id;
  }
}

/** An id for a letter that came without one. */
export function newMessageId(random: (length: number) => Uint8Array): string {
  return `${encodeBase32(random(ID_LENGTH))}@${OVERLAY_DOMAIN}`;
}

/** Exactly this shape: `anything@postern.alt` could hold a host name in front. */
function isNeutral(id: string): boolean {
  const at = id.lastIndexOf("@");
  return id.slice(at + 1).toLowerCase() === OVERLAY_DOMAIN && /^[a-z2-7]{32}$/.test(id.slice(0, at));
}

import { createHash } from "node:crypto";
import type { PublicKey } from "openpgp";
import type { KeyOrigin } from "../../keyring/openpgp-keys.ts";
import { addressesOf, readCertificates } from "./key-material.ts";
import { MAX_KEYS_OF_A_LETTER } from "./limits.ts";

/** Where keys may be asked for; each look-up tells somebody whom the user writes to. */
export type LookupPlace = "wkd" | "keyserver";

/**
 * The body of an HTTPS GET, through the proxy where one is set; undefined for 404. `nowhere` says that the host has no
 * address. Throws where it cannot be reached.
 */
export type FetchKey = (url: string) => Promise<Uint8Array | "nowhere" | undefined>;

export interface FoundKey {
  readonly key: PublicKey;
  readonly origin: Extract<KeyOrigin, "wkd" | "keyserver">;
}

const KEYSERVER = "https://keys.openpgp.org";

/**
 * Looks for a key of an address: first where its own provider would publish it (draft-koch-openpgp-webkey-service), then
 * at keys.openpgp.org, which gives only keys whose owner has answered a mail to that address. A certificate counts only
 * if it names the address itself. undefined where there is none; one place that fails does not keep from the next.
 */
export async function lookUpKey(
  address: string,
  places: readonly LookupPlace[],
  fetch: FetchKey,
  now: number,
): Promise<FoundKey | undefined> {
  const lower = address.toLowerCase();
  if (places.includes("wkd")) {
    const key = await firstOf(lower, webKeyDirectory(address, fetch), now);
    if (key !== undefined) return { key, origin: "wkd" };
  }
  if (places.includes("keyserver")) {
    const answer = fetch(`${KEYSERVER}/vks/v1/by-email/${encodeURIComponent(lower)}`);
    const key = await firstOf(lower, answer, now);
    if (key !== undefined) return { key, origin: "keyserver" };
  }
  return undefined;
}

/** The advanced method; the direct one only where the host of the advanced one does not exist (section 3.1). */
async function webKeyDirectory(address: string, fetch: FetchKey): Promise<Uint8Array | "nowhere" | undefined> {
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at);
  const domain = address.slice(at + 1).toLowerCase();
  if (!/^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/.test(domain)) return undefined;
  const hash = zBase32(createHash("sha1").update(asciiLowerCase(local), "utf8").digest());
  const query = `?l=${encodeURIComponent(local)}`;
  const advanced = await fetch(`https://openpgpkey.${domain}/.well-known/openpgpkey/${domain}/hu/${hash}${query}`);
  return advanced === "nowhere" ? await fetch(`https://${domain}/.well-known/openpgpkey/hu/${hash}${query}`) : advanced;
}

async function firstOf(
  address: string,
  answer: Promise<Uint8Array | "nowhere" | undefined>,
  now: number,
): Promise<PublicKey | undefined> {
  const octets = await answer.catch(() => undefined);
  if (octets === undefined || octets === "nowhere") return undefined;
  for (const key of (await readCertificates(octets)).slice(0, MAX_KEYS_OF_A_LETTER))
    if ((await addressesOf(key, now)).includes(address)) return key;
  return undefined;
}

/** Only ASCII letters change (section 3.1 of the draft). */
function asciiLowerCase(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const ALPHABET = "ybndrfg8ejkmcpqxot1uwisza345h769";

/** RFC 6189 section 5.1.6. */
function zBase32(octets: Buffer): string {
  let text = "";
  let held = 0;
  let bits = 0;
  for (const octet of octets) {
    held = (held << 8) | octet;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(held >> bits) & 31];
    }
    held &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + ALPHABET[(held << (5 - bits)) & 31];
}

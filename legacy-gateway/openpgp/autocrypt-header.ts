import type { HeaderField } from "../../mime/header.ts";
import { MAX_AUTOCRYPT_FIELD } from "./limits.ts";

/** An Autocrypt or Autocrypt-Gossip field (Autocrypt level 1, version 1.1). */
export interface AutocryptField {
  /** In lower case. */
  readonly address: string;
  readonly preferEncrypt: PreferEncrypt;
  /** A transferable public key, binary, as it was sent. */
  readonly keydata: Buffer;
}

export type PreferEncrypt = "mutual" | "nopreference";

/** undefined where the field is invalid: an attribute is missing or unknown and critical, or it is too long. */
export function parseAutocrypt({
  raw,
  value,
  name,
}: Pick<HeaderField, "raw" | "value" | "name">): AutocryptField | undefined {
  if (name.length + 1 + raw.length > MAX_AUTOCRYPT_FIELD) return undefined;
  const attributes = new Map<string, string>();
  const pieces = value.split(";");
  for (const [index, piece] of pieces.entries()) {
    if (piece.trim() === "" && index === pieces.length - 1) continue;
    const equals = piece.indexOf("=");
    if (equals < 0 || attributes.has("keydata")) return undefined;
    const key = piece.slice(0, equals).trim().toLowerCase();
    if (attributes.has(key)) return undefined;
    attributes.set(key, piece.slice(equals + 1).trim());
    if (!["addr", "prefer-encrypt", "keydata"].includes(key) && !key.startsWith("_")) return undefined;
  }
  const address = attributes.get("addr")?.toLowerCase() ?? "";
  const base64 = (attributes.get("keydata") ?? "").replace(/\s+/g, "");
  if (!/^[^\s@<>]+@[^\s@<>]+$/.test(address) || !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) return undefined;
  const preferEncrypt = attributes.get("prefer-encrypt") === "mutual" ? "mutual" : "nopreference";
  return { address, preferEncrypt, keydata: Buffer.from(base64, "base64") };
}

/**
 * The field with its line ends; undefined where it would be longer than Autocrypt allows. The key is to be one user id
 * and the keys that are in use.
 */
export function formatAutocrypt(
  name: "Autocrypt" | "Autocrypt-Gossip",
  { address, preferEncrypt, keydata }: AutocryptField,
): string | undefined {
  const lines = keydata.toString("base64").replace(/.{1,76}/g, "\r\n $&");
  const preference = name === "Autocrypt" && preferEncrypt === "mutual" ? " prefer-encrypt=mutual;" : "";
  const field = `${name}: addr=${address};${preference} keydata=${lines}\r\n`;
  return field.length > MAX_AUTOCRYPT_FIELD ? undefined : field;
}

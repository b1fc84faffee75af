/** RFC 4648 section 4 without padding, as age writes it everywhere. */
export function encodeRawBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64").replace(/=+$/, "");
}

/** The reverse; undefined unless the text is canonical: no padding, no other characters, unused bits zero. */
export function decodeRawBase64(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9+/]*$/.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  return encodeRawBase64(bytes) === text ? bytes : undefined;
}

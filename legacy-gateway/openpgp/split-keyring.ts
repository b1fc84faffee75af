/** Packet types of RFC 9580 section 5. */
const SECRET_KEY = 5;
const PUBLIC_KEY = 6;

/**
 * The transferable keys in octets (RFC 9580 section 10.1 and 10.2), armored or binary, each for itself: one that is
 * damaged or too new takes none of the others with it. What stands before the first key is left out.
 */
export function splitKeyring(octets: Uint8Array): readonly Buffer[] {
  const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.length);
  const armored = armoredBlocks(bytes.toString("latin1"));
  if (armored.length > 0) return armored.flatMap(splitPackets);
  return splitPackets(bytes);
}

function splitPackets(bytes: Buffer): readonly Buffer[] {
  const keys: Buffer[] = [];
  let start: number | undefined;
  let at = 0;
  while (at < bytes.length) {
    const packet = readPacketHeader(bytes, at);
    if (packet === undefined) break;
    if (packet.tag === PUBLIC_KEY || packet.tag === SECRET_KEY) {
      if (start !== undefined) keys.push(bytes.subarray(start, at));
      start = at;
    }
    at = packet.end;
  }
  if (start !== undefined) keys.push(bytes.subarray(start, Math.min(at, bytes.length)));
  return keys;
}

/** RFC 9580 section 4.2; lengths that have no end (partial, or the old form's indeterminate) are not allowed in keys. */
function readPacketHeader(bytes: Buffer, at: number): { readonly tag: number; readonly end: number } | undefined {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) === 0) return undefined;
  const next = bytes[at + 1] ?? 0;
  if ((first & 0x40) !== 0) {
    const tag = first & 0x3f;
    if (next < 192) return { tag, end: at + 2 + next };
    if (next < 224) return { tag, end: at + 3 + ((next - 192) << 8) + (bytes[at + 2] ?? 0) + 192 };
    return next === 255 && at + 6 <= bytes.length ? { tag, end: at + 6 + bytes.readUInt32BE(at + 2) } : undefined;
  }
  const tag = (first & 0x3c) >> 2;
  const size = [1, 2, 4][first & 0x03];
  if (size === undefined || at + 1 + size > bytes.length) return undefined;
  return { tag, end: at + 1 + size + bytes.readUIntBE(at + 1, size) };
}

/** The armored key blocks of a text; others, such as a signature beside them, are passed over. */
function armoredBlocks(text: string): readonly Buffer[] {
  const blocks = text.matchAll(
    /-----BEGIN PGP (PUBLIC|PRIVATE) KEY BLOCK-----[^\n]*\n([\s\S]*?)-----END PGP \1 KEY BLOCK-----/g,
  );
  return [...blocks].map(([, , inside = ""]) => {
    // Armor headers end at an empty line; the checksum is a line of its own (RFC 9580 section 6).
    const body = inside
      .replace(/^(?:[^\r\n]*:[^\r\n]*\r?\n)*[ \t]*\r?\n/, "")
      .replace(/^=[A-Za-z0-9+/]{4}[ \t]*\r?$/gm, "");
    return Buffer.from(body, "base64");
  });
}

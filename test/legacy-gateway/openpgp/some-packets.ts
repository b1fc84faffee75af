import { armor, enums } from "openpgp";

/** The packets of an armored message, changed by hand. */
export function changed(armored: string, change: (packets: Buffer) => Buffer): string {
  const base64 = armored.slice(armored.search(/\r?\n\r?\n/), armored.search(/\r?\n(?:=....\r?\n)?-----END/));
  return armor(enums.armor.message, change(Buffer.from(base64, "base64")));
}

/** Where the packet with that tag begins, its body, and what follows; lengths are of RFC 9580 section 4.2.1. */
export function packet(packets: Buffer, tag: number): { start: number; body: Buffer; end: number } {
  for (let at = 0; at < packets.length; ) {
    const first = packets[at + 1] ?? 0;
    const [head, length] =
      first < 192
        ? [2, first]
        : first < 224
          ? [3, ((first - 192) << 8) + (packets[at + 2] ?? 0) + 192]
          : [6, packets.readUInt32BE(at + 2)];
    const end = at + head + length;
    if (((packets[at] ?? 0) & 0x3f) === tag) return { start: at, body: packets.subarray(at + head, end), end };
    at = end;
  }
  throw new Error(`there is no packet ${tag}`);
}

export function asPacket(tag: number, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([Buffer.from([0xc0 | tag, 0xff]), length, body]);
}

export function literal(body: string | Buffer): Buffer {
  return asPacket(11, Buffer.concat([Buffer.from("b\0\0\0\0\0", "latin1"), Buffer.from(body)]));
}

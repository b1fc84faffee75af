/** As much of DER (ITU-T X.690) as writing an X.509 certificate takes. */

/** One element: tag, length, content. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.from(body.length.toString(16).padStart(body.length > 0xff ? 4 : 2, "0"), "hex");
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

export function sequence(...elements: readonly Uint8Array[]): Buffer {
  return element(0x30, ...elements);
}

export function set(...elements: readonly Uint8Array[]): Buffer {
  return element(0x31, ...elements);
}

/** `[number] EXPLICIT`, or IMPLICIT over something constructed. */
export function tagged(number: number, ...elements: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, ...elements);
}

/** `[number] IMPLICIT` over something primitive. */
export function taggedPrimitive(number: number, content: Uint8Array): Buffer {
  return element(0x80 | number, content);
}

/** A positive number, big-endian, without leading zeros; its top bit must be clear. */
export function integer(...bytes: readonly number[]): Buffer {
  return element(0x02, Uint8Array.from(bytes));
}

export const TRUE = element(0x01, Uint8Array.of(0xff));

export function octetString(...content: readonly Uint8Array[]): Buffer {
  return element(0x04, ...content);
}

/** Bits, the last `unused` of which do not count. */
export function bitString(content: Uint8Array, unused = 0): Buffer {
  return element(0x03, Uint8Array.of(unused), content);
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, "utf8"));
}

/** An object identifier in dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return element(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** Milliseconds since 1970, in whole seconds; UTCTime before 2050, else GeneralizedTime (RFC 5280 section 4.1.2.5). */
export function time(milliseconds: number): Buffer {
  const digits = `${new Date(milliseconds).toISOString().replace(/\D/g, "").slice(0, 14)}Z`;
  return digits < "2050" ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}

/** RFC 7468, lines of 64 characters. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

function base128(arc: number): number[] {
  const digits = [arc & 0x7f];
  for (let rest = arc >>> 7; rest > 0; rest >>>= 7) digits.unshift(0x80 | (rest & 0x7f));
  return digits;
}

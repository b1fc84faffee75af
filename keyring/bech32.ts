/** Bech32 as age uses it: BIP 173, without its limit on the length. */

const CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

/** `<prefix>1<data><checksum>` in lower case. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const data = regroup(bytes, 8, 5, true) ?? [];
  const checksum = polymod([...expandPrefix(prefix), ...data, 0, 0, 0, 0, 0, 0]) ^ 1;
  const check = [25, 20, 15, 10, 5, 0].map((shift) => (checksum >>> shift) & 31);
  return `${prefix}1${[...data, ...check].map((digit) => CHARSET[digit]).join("")}`;
}

/** The bytes after that prefix; undefined if prefix, alphabet, case, padding or checksum is wrong. */
export function decodeBech32(prefix: string, text: string): Buffer | undefined {
  if (text !== text.toLowerCase() && text !== text.toUpperCase()) return undefined;
  const lower = text.toLowerCase();
  const head = `${prefix.toLowerCase()}1`;
  if (!lower.startsWith(head) || lower.length < head.length + 6) return undefined;
  const digits = Array.from(lower.slice(head.length), (character) => CHARSET.indexOf(character));
  if (digits.includes(-1) || polymod([...expandPrefix(prefix.toLowerCase()), ...digits]) !== 1) return undefined;
  const bytes = regroup(digits.slice(0, -6), 5, 8, false);
  return bytes && Buffer.from(bytes);
}

function expandPrefix(prefix: string): number[] {
  const codes = Array.from(prefix, (character) => character.charCodeAt(0));
  return [...codes.map((code) => code >> 5), 0, ...codes.map((code) => code & 31)];
}

function polymod(values: readonly number[]): number {
  let checksum = 1;
  for (const value of values) {
    const top = checksum >>> 25;
    checksum = ((checksum & 0x1ffffff) << 5) ^ value;
    GENERATOR.forEach((generator, bit) => {
      if ((top >>> bit) & 1) checksum ^= generator;
    });
  }
  return checksum >>> 0;
}

function regroup(values: Iterable<number>, from: number, to: number, pad: boolean): number[] | undefined {
  const result: number[] = [];
  let accumulator = 0;
  let bits = 0;
  for (const value of values) {
    accumulator = ((accumulator << from) | value) & 0xfff;
    for (bits += from; bits >= to; ) {
      bits -= to;
      result.push((accumulator >> bits) & ((1 << to) - 1));
    }
  }
  const rest = accumulator & ((1 << bits) - 1);
  if (pad) return bits > 0 ? [...result, rest << (to - bits)] : result;
  return bits < from && rest === 0 ? result : undefined;
}

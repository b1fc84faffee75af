const ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const GENERATOR = [0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3];

function checksum(prefix: string, words: readonly number[]): number {
  let value = 1;
  const step = (word: number): void => {
    const top = value >>> 25;
    value = ((value & 0x1ffffff) << 5) ^ word;
    for (const [bit, generator] of GENERATOR.entries()) if ((top >> bit) & 1) value ^= generator;
  };
  for (const character of prefix) step(character.charCodeAt(0) >> 5);
  step(0);
  for (const character of prefix) step(character.charCodeAt(0) & 31);
  for (const word of words) step(word);
  return value;
}

function regroup(words: Iterable<number>, from: number, to: number, pad: boolean): number[] | undefined {
  const result: number[] = [];
  let value = 0;
  let bits = 0;
  for (const word of words) {
    value = ((value << from) | word) & 0xfff;
    for (bits += from; bits >= to; bits -= to) result.push((value >> (bits - to)) & ((1 << to) - 1));
  }
  const rest = value & ((1 << bits) - 1);
  if (pad) {
    if (bits > 0) result.push(rest << (to - bits));
  } else if (bits >= from || rest !== 0) return undefined;
  return result;
}

/** Bech32 (BIP 173) without its length limit, lower case. */
export function encodeBech32(prefix: string, bytes: Uint8Array): string {
  const words = regroup(bytes, 8, 5, true) ?? [];
  const sum = checksum(prefix, [...words, 0, 0, 0, 0, 0, 0]) ^ 1;
  for (let shift = 25; shift >= 0; shift -= 5) words.push((sum >> shift) & 31);
  return `${prefix}1${words.map((word) => ALPHABET[word]).join("")}`;
}

/** The reverse, all upper or all lower case; undefined where anything is wrong. The prefix comes back in lower case. */
export function decodeBech32(text: string): { prefix: string; bytes: Buffer } | undefined {
  const lower = text.toLowerCase();
  if (text !== lower && text !== text.toUpperCase()) return undefined;
  const separator = lower.lastIndexOf("1");
  if (separator < 1 || lower.length - separator < 7 || !/^[\x21-\x7e]+$/.test(lower)) return undefined;
  const prefix = lower.slice(0, separator);
  const words = Array.from(lower.slice(separator + 1), (character) => ALPHABET.indexOf(character));
  if (words.includes(-1) || checksum(prefix, words) !== 1) return undefined;
  const bytes = regroup(words.slice(0, -6), 5, 8, false);
  return bytes === undefined ? undefined : { prefix, bytes: Buffer.from(bytes) };
}

import { createHmac } from "node:crypto";
import { equalConstantTime } from "../../foundation/bytes.ts";
import { deriveKey } from "../../foundation/seal.ts";
import { decodeRawBase64, encodeRawBase64 } from "./base64.ts";
import { AgeFormatError } from "./format-error.ts";
import { MAX_HEADER_SIZE } from "./limits.ts";

const VERSION_LINE = "age-encryption.org/v1\n";
const COLUMNS = 64;

/** One recipient's wrapping of the file key; the first argument names its kind. */
export interface Stanza {
  readonly arguments: readonly string[];
  readonly body: Buffer;
}

export interface Header {
  readonly stanzas: readonly Stanza[];
  /** Octets up to and including `---`, which the MAC covers. */
  readonly covered: Buffer;
  readonly mac: Buffer;
  /** Octets of the whole header: the payload's nonce follows. */
  readonly length: number;
}

function headerMac(fileKey: Uint8Array, covered: Uint8Array): Buffer {
  return createHmac("sha256", deriveKey(fileKey, "header")).update(covered).digest();
}

/** True if the header is the one that was made for this file key. */
export function verifyHeader(header: Header, fileKey: Uint8Array): boolean {
  return equalConstantTime(headerMac(fileKey, header.covered), header.mac);
}

/** The header of age v1 with its MAC. */
export function encodeHeader(stanzas: readonly Stanza[], fileKey: Uint8Array): Buffer {
  let text = VERSION_LINE;
  for (const stanza of stanzas) {
    text += `-> ${stanza.arguments.join(" ")}\n`;
    const body = encodeRawBase64(stanza.body);
    for (let start = 0; start <= body.length; start += COLUMNS) text += `${body.slice(start, start + COLUMNS)}\n`;
  }
  text += "---";
  const mac = encodeRawBase64(headerMac(fileKey, Buffer.from(text, "latin1")));
  return Buffer.from(`${text} ${mac}\n`, "latin1");
}

function decodeStanza(firstLine: string, nextLine: () => string): Stanza {
  const args = firstLine.slice(3).split(" ");
  if (args.some((argument) => !/^[\x21-\x7e]+$/.test(argument)))
    throw new AgeFormatError("header", "a stanza's argument is empty or not printable");
  let body = "";
  for (;;) {
    const line = nextLine();
    if (line.length > COLUMNS) throw new AgeFormatError("header", "a stanza's line is too long");
    body += line;
    if (line.length < COLUMNS) break;
  }
  const bytes = decodeRawBase64(body);
  if (bytes === undefined) throw new AgeFormatError("header", "a stanza's body is not canonical base64");
  return { arguments: args, body: bytes };
}

/**
 * Reads the header that a file begins with:
 * `header = v1-line 1*stanza end`. The MAC is not looked at.
 * @throws AgeFormatError
 */
export function decodeHeader(file: Uint8Array): Header {
  const bytes = Buffer.from(file.buffer, file.byteOffset, Math.min(file.length, MAX_HEADER_SIZE));
  let offset = 0;
  const nextLine = (): string => {
    const end = bytes.indexOf(0x0a, offset);
    if (end < 0) throw new AgeFormatError("header", "the header does not end");
    const line = bytes.toString("latin1", offset, end);
    offset = end + 1;
    return line;
  };
  if (`${nextLine()}\n` !== VERSION_LINE) throw new AgeFormatError("header", "not an age v1 file");
  const stanzas: Stanza[] = [];
  for (;;) {
    const start = offset;
    const line = nextLine();
    if (line.startsWith("-> ")) {
      stanzas.push(decodeStanza(line, nextLine));
      continue;
    }
    if (stanzas.length > 1 && stanzas.some((stanza) => stanza.arguments[0] === "scrypt"))
      throw new AgeFormatError("header", "a passphrase stanza that is not alone");
    const mac = line.startsWith("--- ") ? decodeRawBase64(line.slice(4)) : undefined;
    if (mac?.length !== 32 || stanzas.length === 0)
      throw new AgeFormatError("header", "the header's last line is wrong");
    return { stanzas, covered: bytes.subarray(0, start + 3), mac, length: offset };
  }
}

type Octets = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Whether decodeTransfer knows this Content-Transfer-Encoding (lower case; RFC 2045 section 6). */
export function isKnownEncoding(encoding: string): boolean {
  return ["7bit", "8bit", "binary", "quoted-printable", "base64"].includes(encoding);
}

/** Takes the transfer encoding off; never throws on its input. An unknown encoding is passed through as it is. */
export function decodeTransfer(encoding: string, octets: Octets): AsyncIterable<Uint8Array> {
  if (encoding === "base64") return decodeBase64(octets);
  if (encoding === "quoted-printable") return decodeQuotedPrintable(octets);
  return passThrough(octets);
}

async function* passThrough(octets: Octets): AsyncIterable<Uint8Array> {
  yield* octets;
}

/** Characters outside the alphabet are skipped; padding in the middle ends a group, as programs that join files make it. */
async function* decodeBase64(octets: Octets): AsyncIterable<Uint8Array> {
  let rest = "";
  for await (const chunk of octets) {
    const text = rest + Buffer.from(chunk).toString("latin1").replace(NOT_BASE64, "");
    const groups = text.split(/=+/);
    const pieces: Buffer[] = [];
    for (const group of groups.slice(0, -1)) pieces.push(Buffer.from(group, "base64"));
    const open = groups.at(-1) ?? "";
    const whole = open.length - (open.length % 4);
    pieces.push(Buffer.from(open.slice(0, whole), "base64"));
    rest = open.slice(whole);
    const decoded = pieces.length === 1 ? pieces[0] : Buffer.concat(pieces);
    if (decoded !== undefined && decoded.length > 0) yield decoded;
  }
  if (rest.length > 1) yield Buffer.from(rest, "base64");
}

const NOT_BASE64 = /[^A-Za-z0-9+/=]+/g;

/** Longest run of blanks or broken soft line break that is held back to the next chunk. */
const MAX_HELD = 1_000;

/** RFC 2045 section 6.7; an `=` that begins no code stays as it is, blanks at the end of a line go. */
async function* decodeQuotedPrintable(octets: Octets): AsyncIterable<Uint8Array> {
  let rest = "";
  for await (const chunk of octets) {
    const text = rest + Buffer.from(chunk).toString("latin1");
    const held = /(?:=[0-9A-Fa-f]?[ \t]*\r?|[ \t]+\r?)$/.exec(text.slice(-MAX_HELD))?.[0].length ?? 0;
    rest = held > 0 ? text.slice(-held) : "";
    const decoded = decodeQuotedText(held > 0 ? text.slice(0, -held) : text);
    if (decoded.length > 0) yield decoded;
  }
  if (rest !== "") yield decodeQuotedText(rest);
}

function decodeQuotedText(text: string): Buffer {
  const decoded = text.replace(
    /=([0-9A-Fa-f]{2})|=[ \t]{0,100}\r?\n|(?<![ \t])[ \t]{1,1000}(?=\r?\n)/g,
    (_, hex: string | undefined) => (hex === undefined ? "" : String.fromCharCode(Number.parseInt(hex, 16))),
  );
  return Buffer.from(decoded, "latin1");
}

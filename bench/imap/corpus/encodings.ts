const LINE_OCTETS = 76;

/** One line of text (UTF-8) without its end in quoted-printable (RFC 2045 section 6.7), with soft breaks. */
export function encodeQuotedPrintable(line: string): string {
  let encoded = "";
  let column = 0;
  for (const octet of Buffer.from(line)) {
    const plain = octet >= 0x20 && octet < 0x7f && octet !== 0x3d;
    const piece = plain ? String.fromCharCode(octet) : `=${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    if (column + piece.length >= LINE_OCTETS) {
      encoded += "=\r\n";
      column = 0;
    }
    encoded += piece;
    column += piece.length;
  }
  return encoded.endsWith(" ") ? `${encoded.slice(0, -1)}=20` : encoded;
}

/** Base64 in lines of 76 characters, each with its end (RFC 2045 section 6.8). */
export function encodeBase64Lines(octets: Buffer): string {
  return octets.toString("base64").replace(/.{1,76}/g, "$&\r\n");
}

/** A header's text: as it is if it is ASCII, else as encoded words on folded lines (RFC 2047 section 2). */
export function encodeHeaderText(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text)) return text;
  const words: string[] = [];
  let word = "";
  for (const character of text) {
    if (Buffer.byteLength(word + character) > 42) {
      words.push(word);
      word = "";
    }
    word += character;
  }
  words.push(word);
  return words.map((piece) => `=?UTF-8?B?${Buffer.from(piece).toString("base64")}?=`).join("\r\n ");
}

const BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Transfer decoding (RFC 2045 section 6) character by character, to compare with; one octet per character. */
export function decodedText(encoding: string, text: string): string {
  if (encoding === "base64") return decodedBase64(text);
  return encoding === "quoted-printable" ? decodedQuotedPrintable(text) : text;
}

/** What is not in the alphabet is passed over; `=` ends a group, and bits that make no octet are lost. */
function decodedBase64(text: string): string {
  let decoded = "";
  let bits = "";
  for (const character of text) {
    if (character === "=") bits = "";
    const value = BASE64.indexOf(character);
    if (value < 0) continue;
    bits += value.toString(2).padStart(6, "0");
    if (bits.length < 8) continue;
    decoded += String.fromCharCode(Number.parseInt(bits.slice(0, 8), 2));
    bits = bits.slice(8);
  }
  return decoded;
}

/** Blanks at the end of a line go; `=` there joins it with the next; `=` before anything but two digits stays. */
function decodedQuotedPrintable(text: string): string {
  const lines = text.split("\n");
  const last = lines.pop() ?? "";
  let decoded = "";
  for (const line of lines) {
    const end = line.endsWith("\r") ? "\r\n" : "\n";
    const content = line.slice(0, line.length - end.length + 1).replace(/[ \t]+$/, "");
    decoded += content.endsWith("=") ? withoutCodes(content.slice(0, -1)) : withoutCodes(content) + end;
  }
  return decoded + withoutCodes(last);
}

function withoutCodes(line: string): string {
  let decoded = "";
  for (let i = 0; i < line.length; i++) {
    const code = line.slice(i + 1, i + 3);
    if (line[i] === "=" && /^[0-9A-Fa-f]{2}$/.test(code)) {
      decoded += String.fromCharCode(Number.parseInt(code, 16));
      i += 2;
    } else decoded += line[i];
  }
  return decoded;
}

/** Bare line feeds become CRLF. */
export function withLineEnds(text: string): string {
  return text.replace(/\r?\n/g, "\r\n");
}

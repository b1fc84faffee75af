/** Decodes RFC 3501 section 5.1.3 modified UTF-7; undefined where it is not. */
function decodeModifiedUtf7(text: string): string | undefined {
  let name = "";
  for (let i = 0; i < text.length; ) {
    const character = text.charAt(i);
    if (character !== "&") {
      const code = text.charCodeAt(i);
      if (code < 0x20 || code > 0x7e) return undefined;
      name += character;
      i++;
      continue;
    }
    const end = text.indexOf("-", i);
    if (end < 0) return undefined;
    const base64 = text.slice(i + 1, end).replaceAll(",", "/");
    if (base64 === "") {
      name += "&";
    } else {
      const bytes = Buffer.from(base64, "base64");
      if (!/^[A-Za-z0-9+/]+$/.test(base64) || bytes.length < 2 || bytes.length % 2 !== 0) return undefined;
      const decoded = bytes.swap16().toString("utf16le");
      if (/\p{Surrogate}/u.test(decoded)) return undefined;
      name += decoded;
    }
    i = end + 1;
  }
  return name;
}

/**
 * A mailbox name as it came over the wire, one octet per character: modified UTF-7, or UTF-8 as some programs send it
 * unasked; with `utf8`, always UTF-8. Undefined where it is neither.
 */
export function decodeMailboxName(wire: string, utf8 = false): string | undefined {
  // oxlint-disable-next-line no-control-regex
  if (!utf8 && !/[^\x00-\x7f]/.test(wire)) return decodeModifiedUtf7(wire);
  const decoded = Buffer.from(wire, "latin1").toString("utf8");
  return decoded.includes("\ufffd") ? undefined : decoded;
}

/** NFC; INBOX in any case is INBOX, also above other levels. */
export function normaliseMailboxName(given: string): string {
  const name = given.normalize("NFC");
  return /^inbox(?:\/|$)/i.test(name) ? `INBOX${name.slice(5)}` : name;
}

/** The name in modified UTF-7, without quotes. */
export function encodeMailboxName(name: string): string {
  // oxlint-disable-next-line no-control-regex
  if (/^[\x20-\x25\x27-\x7e]*$/.test(name)) return name;
  return name.replace(/&|[^\x20-\x7e]+/g, (run) => {
    if (run === "&") return "&-";
    return `&${Buffer.from(run, "utf16le").swap16().toString("base64").replace(/=+$/, "").replaceAll("/", ",")}-`;
  });
}

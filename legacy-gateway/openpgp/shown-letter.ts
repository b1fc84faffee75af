import { randomBytes } from "node:crypto";
import { cleanField, keepField } from "../../mime/field-text.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { bodyOf, type Entity, headerOf } from "./entity.ts";
import type { OpenedLetter } from "./layers.ts";
import { withoutLegacyDisplay } from "./legacy-display.ts";
import { isStructural, onlyAddress, readProtectedHeaders, USER_FACING } from "./protected-headers.ts";
import { claimsOurResults, type Verdict } from "./verdict.ts";

/** The header of a letter that stays as it is, without results that are forged in our name. */
export function unforgedHeader(header: Uint8Array): Buffer {
  const octets = Buffer.from(header);
  const pieces: Buffer[] = [];
  let done = 0;
  for (const field of headerFields(octets)) {
    if (!claimsOurResults(field.key, field.value)) continue;
    pieces.push(octets.subarray(done, field.start));
    done = field.end;
  }
  return Buffer.concat([...pieces, octets.subarray(done)]);
}

/** The fields that a reader is to see of a letter with protected ones, without those of the structure. */
export function shownFields(letter: Entity, payload: Entity, verdict: Verdict): readonly HeaderField[] {
  const outer = [...headerFields(headerOf(letter, letter.root))].filter(
    ({ key, value }) => !isStructural(key) && !claimsOurResults(key, value),
  );
  const inner = readProtectedHeaders(payload);
  if (inner === undefined) return outer;
  const taken = inner.fields.filter((field) => counts(field, verdict));
  const keys = new Set(taken.map(({ key }) => key));
  const kept = outer.filter(({ key }) => {
    if (keys.has(key)) return false;
    // Their absence inside is said, too: but a letter without sender, date and id can be neither shown nor found again.
    return inner.scheme !== "hp" || !USER_FACING.has(key) || ["from", "date", "message-id"].includes(key);
  });
  return [...kept, ...taken];
}

/** Whether a protected field is to be shown; a sender only if it is the one that the verdict is about. */
function counts({ key, value }: HeaderField, verdict: Verdict): boolean {
  return USER_FACING.has(key) && (key !== "from" || onlyAddress(value) === verdict.from);
}

/**
 * The letter as the mail program is to see it: the opened payload, and the letter as it came as an attached file beside
 * it. One file on the disk for both, so that what is moved, exported or deleted is both; not as a message/rfc822, since
 * mail programs show, search and even open such a part as if it were one more letter.
 */
export async function composeOpened(letter: Entity, opened: OpenedLetter, verdict: Verdict): Promise<Buffer> {
  const payload = await withoutLegacyDisplay(opened.payload);
  const fields = shownFields(letter, opened.payload, verdict);
  const content = [...headerFields(headerOf(payload, payload.root))].filter(({ key }) => key.startsWith("content-"));
  const boundary = `postern-${randomBytes(18).toString("hex")}`;
  const original = letter.octets.toString("base64").replace(/.{1,76}/g, "$&\r\n");
  return Buffer.concat([
    Buffer.from(fields.map(keepField).join(""), "latin1"),
    Buffer.from(
      `MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="${boundary}"\r\n\r\n--${boundary}\r\n`,
      "latin1",
    ),
    Buffer.from(content.map(keepField).join(""), "latin1"),
    Buffer.from("\r\n"),
    bodyOf(payload, payload.root),
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: application/octet-stream; name="encrypted-original.eml"\r\n` +
        'Content-Disposition: attachment; filename="encrypted-original.eml"\r\n' +
        "Content-Description: The letter as it came\r\n" +
        `Content-Transfer-Encoding: base64\r\n\r\n${original}\r\n--${boundary}--\r\n`,
      "latin1",
    ),
  ]);
}

/**
 * A signed letter that stays as it is but for its header: where protected fields differ from those outside, they are
 * shown, and what stood outside is kept under another name.
 */
export function composeSigned(letter: Entity, opened: OpenedLetter, verdict: Verdict): Buffer {
  const header = headerOf(letter, letter.root);
  const inner = verdict.signature.result === "good" ? readProtectedHeaders(opened.payload) : undefined;
  const outer = [...headerFields(header)];
  const differing = (inner?.fields ?? []).filter(
    (field) => counts(field, verdict) && !outer.some(({ key, value }) => key === field.key && value === field.value),
  );
  if (differing.length === 0) return Buffer.concat([unforgedHeader(header), bodyOf(letter, letter.root)]);
  const keys = new Set(differing.map(({ key }) => key));
  const lines = outer
    .filter(({ key, value }) => !claimsOurResults(key, value))
    .map((field) => (keys.has(field.key) ? cleanField(`X-Unsigned-${field.name}`, field.raw) : keepField(field)));
  return Buffer.concat([
    Buffer.from(lines.join("") + differing.map(keepField).join(""), "latin1"),
    Buffer.from("\r\n"),
    bodyOf(letter, letter.root),
  ]);
}

import { keepField } from "./field-text.ts";
import type { HeaderField } from "./header.ts";

/** Fields of the sender's own words about a letter: none of them names a program, a host or somebody's address. */
export const OWN_WORDS: readonly string[] = [
  "subject",
  "comments",
  "keywords",
  "importance",
  "priority",
  "x-priority",
  "sensitivity",
  "expires",
  "auto-submitted",
];

/** Fields without which the body of a letter cannot be read. */
export const BODY_FIELDS: readonly string[] = [
  "mime-version",
  "content-type",
  "content-transfer-encoding",
  "content-disposition",
  "content-description",
  "content-id",
  "content-language",
];

/** One of these fields as it may leave: some programs write their name into a comment of MIME-Version (RFC 2045 section 4). */
export function ownField(field: HeaderField): string {
  return field.key === "mime-version" ? "MIME-Version: 1.0\r\n" : keepField(field);
}

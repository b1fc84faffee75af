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

import { createHash } from "node:crypto";

/** Octets of one level that are kept: leaves room for an ending below the 255 that file systems take. */
const MAX_LEVEL = 200;

/** What file systems or other programs take for something else. */
const UNSAFE = /[\p{Cc}\\:*?"<>|%]/gu;

/** The relative path for a mailbox: a directory for each level, its name as near as is safe. */
export function folderPath(name: string): string {
  return name.split("/").map(levelName).join("/");
}

function levelName(level: string): string {
  const escape = (character: string): string =>
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`;
  let safe = level.replace(UNSAFE, escape).replace(/^\./, escape);
  if (/^(cur|new|tmp)$/i.test(safe)) safe = escape(safe) + safe.slice(1);
  if (Buffer.byteLength(safe) <= MAX_LEVEL) return safe;
  const tag = createHash("sha256").update(level).digest("hex").slice(0, 12);
  return `${Buffer.from(safe)
    .subarray(0, MAX_LEVEL)
    .toString("utf8")
    .replace(/\ufffd+$/, "")}-${tag}`;
}

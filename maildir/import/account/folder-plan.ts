import { createHash } from "node:crypto";
import { MAX_LEVEL_OCTETS, MAX_NAME_OCTETS } from "../../limits.ts";
import { DELIMITER, INBOX, normalizeName } from "../../mailbox-name.ts";
import type { SpecialUse } from "../../message.ts";

/** What the server says of one of its folders. */
export interface RemoteFolder {
  /** As the server spells it. */
  readonly path: string;
  /** Undefined where the server has no hierarchy. */
  readonly delimiter: string | undefined;
  /** RFC 6154, or what a common name tells: `\Sent` and so on, `\Inbox` too. */
  readonly specialUse: string | undefined;
  readonly subscribed: boolean;
  readonly messages: number;
}

/** Where a folder's letters go. */
export interface PlannedFolder extends RemoteFolder {
  readonly target: string;
  /** The folder shows letters of all others: only those that no other brought are wanted. */
  readonly onlyMissing: boolean;
}

export interface PlanOptions {
  /** These folders alone, as the server spells them. */
  readonly only: readonly string[];
  /** The folder below which all come; then special uses keep the server's names. */
  readonly into: string | undefined;
  /** What the server puts before every personal folder, `INBOX.` for instance (RFC 2342). */
  readonly prefix: string;
  /** Our folder of a special use. */
  readonly specialUse: (use: SpecialUse) => string | undefined;
}

const SPECIAL_USES: readonly string[] = ["\\Sent", "\\Drafts", "\\Trash", "\\Junk", "\\Archive"] satisfies SpecialUse[];

/** Folders that show letters of others by some mark, and hold none (`\Flagged`: RFC 6154 section 2). */
const VIEWS: readonly string[] = ["\\Flagged", "\\Important"];

/**
 * Maps folders to ours: INBOX and special uses to the ones that we have, the others by name, below what their superior
 * became. Views are left out unless they are asked for; what shows all mail comes last.
 */
export function planFolders(folders: readonly RemoteFolder[], options: PlanOptions): PlannedFolder[] {
  const { only, into, prefix, specialUse } = options;
  const wanted = folders.filter((folder) =>
    only.length > 0
      ? only.some((name) => samePath(name, folder.path))
      : folder.specialUse === undefined || !VIEWS.includes(folder.specialUse),
  );
  const mapped = new Map<string, string>();
  for (const { path, specialUse: use } of folders) {
    if (into !== undefined) break;
    const own = ownFolder(path, use, specialUse);
    if (own !== undefined) mapped.set(path, own);
  }
  const planned = wanted.map((folder): PlannedFolder => {
    const target = targetOf(folder, mapped, prefix);
    return {
      ...folder,
      target: fitting(into === undefined ? target : `${into}${DELIMITER}${target}`),
      onlyMissing: only.length === 0 && folder.specialUse === "\\All",
    };
  });
  return planned.sort((a, b) => Number(a.onlyMissing) - Number(b.onlyMissing));
}

export function samePath(a: string, b: string): boolean {
  return normalizeName(a) === normalizeName(b);
}

function ownFolder(path: string, use: string | undefined, ours: PlanOptions["specialUse"]): string | undefined {
  if (path.toUpperCase() === INBOX) return INBOX;
  if (use === "\\All") return ours("\\Archive");
  return use !== undefined && SPECIAL_USES.includes(use) ? ours(use as SpecialUse) : undefined;
}

/** The longest superior that has a place of its own decides, then the rest of the levels follow. */
function targetOf({ path, delimiter }: RemoteFolder, mapped: ReadonlyMap<string, string>, prefix: string): string {
  const levels = delimiter === undefined ? [path] : path.split(delimiter);
  // Below INBOX only because the server has everything there: the prefix goes before INBOX's own place counts.
  const bare = prefix !== "" && path.startsWith(prefix) && path.length > prefix.length;
  const least = bare && delimiter !== undefined ? prefix.split(delimiter).length - 1 : 0;
  for (let length = levels.length; length > least; length--) {
    const own = mapped.get(levels.slice(0, length).join(delimiter));
    if (own !== undefined) return [own, ...levels.slice(length).map(levelName)].join(DELIMITER);
  }
  return levels.slice(least).map(levelName).join(DELIMITER);
}

/** A level of a name as we may have it. */
function levelName(level: string): string {
  const safe = level
    .normalize("NFC")
    .replaceAll(DELIMITER, "_")
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029\ufffd]/gu, "_");
  return safe === "" ? "_" : shortened(safe, level, MAX_LEVEL_OCTETS);
}

function fitting(name: string): string {
  return normalizeName(shortened(name, name, MAX_NAME_OCTETS));
}

/** Cut where it is too long, with a mark that keeps different names different. */
function shortened(text: string, whole: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const mark = `-${createHash("sha256").update(whole).digest("hex").slice(0, 12)}`;
  const cut = Buffer.from(text).subarray(0, limit - mark.length);
  return cut.toString("utf8").replace(/\ufffd+$/, "") + mark;
}

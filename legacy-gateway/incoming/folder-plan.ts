import { createHash } from "node:crypto";
import type { SpecialUse } from "../ports.ts";

/** What the provider says of one of its folders. */
export interface RemoteFolder {
  readonly path: string;
  /** Undefined where the provider has no hierarchy. */
  readonly delimiter: string | undefined;
  /** RFC 6154, or what a common name tells: `\Sent` and so on, `\Inbox` too. */
  readonly specialUse: string | undefined;
}

export interface PlannedFolder extends RemoteFolder {
  /** Our mailbox. */
  readonly target: string;
  /** A search in Gmail's own language: of the folder's letters, those alone are kept alike. */
  readonly only?: string;
}

export interface PlanOptions {
  /** The folder below which all come; absent where they are merged with ours. */
  readonly below?: string | undefined;
  /** What the provider puts before every personal folder, `INBOX.` for instance (RFC 2342). */
  readonly prefix: string;
  /** Our folder of a special use. */
  readonly specialUse: (use: SpecialUse) => string | undefined;
  /** The provider's folders are labels (Gmail's X-GM-EXT-1): a letter without any is in `\\All` alone. */
  readonly labels?: boolean;
}

/** What a folder of special use is called here, whatever the provider calls it. */
const NAMES: Readonly<Record<string, string>> = {
  "\\Inbox": "INBOX",
  "\\Sent": "Sent",
  "\\Drafts": "Drafts",
  "\\Trash": "Trash",
  "\\Junk": "Junk",
  "\\Archive": "Archive",
  "\\All": "Archive",
};

/** Letters that no other folder of Gmail's shows: they were archived. */
const UNLABELLED = "has:nouserlabels -in:inbox -in:sent -in:drafts -in:chats";

/** Folders that show the letters of others, by some mark or all of them, and hold none (RFC 6154 section 2). */
const VIEWS: ReadonlySet<string> = new Set(["\\All", "\\Flagged", "\\Important"]);

/** Octets of one level of a name, and of a whole name, that every store takes. */
const MAX_LEVEL = 200;
const MAX_NAME = 900;

/** Maps the provider's folders to ours: by special use where there is one, else by name. Two never share one. */
export function planFolders(folders: readonly RemoteFolder[], options: PlanOptions): PlannedFolder[] {
  const { below, labels = false } = options;
  const holdsAlone = (use: string): boolean => labels && use === "\\All";
  const real = folders.filter(({ specialUse: use }) => use === undefined || !VIEWS.has(use) || holdsAlone(use));
  const own = new Map<string, string>();
  for (const { path, specialUse } of real) {
    const name = ownName(path, specialUse, options);
    if (name !== undefined && ![...own.values()].includes(name)) own.set(path, name);
  }
  const taken = new Map<string, string>();
  return real.map((folder): PlannedFolder => {
    const name = nameOf(folder, own, options.prefix);
    const target = free(shortened(below === undefined ? name : `${below}/${name}`, MAX_NAME), folder.path, taken);
    taken.set(target, folder.path);
    const only = folder.specialUse === "\\All" ? { only: UNLABELLED } : {};
    return { ...folder, target, ...only };
  });
}

function ownName(path: string, use: string | undefined, { below, specialUse }: PlanOptions): string | undefined {
  if (path.toUpperCase() === "INBOX") return "INBOX";
  const name = use === undefined ? undefined : NAMES[use];
  if (name === undefined || use === "\\Inbox") return undefined;
  const ours = use === "\\All" ? "\\Archive" : (use as SpecialUse);
  return below === undefined ? (specialUse(ours) ?? name) : name;
}

/** The longest superior that has a place of its own decides, then the rest of the levels follow. */
function nameOf({ path, delimiter }: RemoteFolder, own: ReadonlyMap<string, string>, prefix: string): string {
  const levels = delimiter === undefined ? [path] : path.split(delimiter);
  const bare = delimiter !== undefined && prefix !== "" && path.startsWith(prefix) && path.length > prefix.length;
  const least = bare ? prefix.split(delimiter).length - 1 : 0;
  for (let length = levels.length; length > least; length--) {
    const name = own.get(levels.slice(0, length).join(delimiter));
    if (name !== undefined) return [name, ...levels.slice(length).map(levelName)].join("/");
  }
  return levels.slice(least).map(levelName).join("/");
}

/** A level of a name as we may have it. */
function levelName(level: string): string {
  const safe = level
    .normalize("NFC")
    .replaceAll("/", "_")
    .replace(/[\p{Cc}\p{Cs}\u2028\u2029\ufffd]/gu, "_");
  return safe === "" ? "_" : shortened(safe, MAX_LEVEL);
}

function free(name: string, path: string, taken: ReadonlyMap<string, string>): string {
  const other = taken.get(name);
  return other === undefined || other === path ? name : `${name} ${mark(path)}`;
}

/** Cut where it is too long, with a mark that keeps different names different. */
function shortened(text: string, limit: number): string {
  if (Buffer.byteLength(text) <= limit) return text;
  const cut = Buffer.from(text)
    .subarray(0, limit - 13)
    .toString("utf8")
    .replace(/\ufffd+$/, "");
  return `${cut}-${mark(text)}`;
}

function mark(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

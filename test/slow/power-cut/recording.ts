import { readFileSync } from "node:fs";

/** What a program did to the disk, in order, as recorder.c wrote it down. */
export type DiskEvent =
  | { readonly kind: "create" | "mkdir"; readonly inode: string; readonly path: string }
  | { readonly kind: "write"; readonly inode: string; readonly offset: number; readonly octets: Buffer }
  | { readonly kind: "truncate"; readonly inode: string; readonly size: number }
  | { readonly kind: "rename" | "link"; readonly from: string; readonly to: string }
  | { readonly kind: "unlink"; readonly path: string }
  /** A sync holds for what was done before it started, from its end on. */
  | { readonly kind: "sync"; readonly sync: string; readonly inode: string }
  | { readonly kind: "synced"; readonly sync: string }
  | { readonly kind: "mark"; readonly text: string };

/** Reads a recording; an entry that a kill cut short is left out. */
export function readRecording(path: string): DiskEvent[] {
  const recording = readFileSync(path);
  const events: DiskEvent[] = [];
  for (let at = 0; at < recording.length; ) {
    const end = recording.indexOf("\n", at);
    if (end < 0) break;
    const line = recording.toString("utf8", at, end);
    at = end + 1;
    const rest = line.slice(2);
    const [first = "", second = "", third = ""] = rest.split(" ");
    const octets = (length: number): Buffer => {
      const start = at;
      at += length;
      return recording.subarray(start, at);
    };
    const [from = "", to = ""] = rest.split("\t");
    switch (line[0]) {
      case "C":
      case "D":
        events.push({ kind: line[0] === "C" ? "create" : "mkdir", inode: first, path: rest.slice(first.length + 1) });
        break;
      case "W":
        events.push({ kind: "write", inode: first, offset: Number(second), octets: octets(Number(third)) });
        break;
      case "T":
        events.push({ kind: "truncate", inode: first, size: Number(second) });
        break;
      case "R":
      case "L":
        events.push({ kind: line[0] === "R" ? "rename" : "link", from, to });
        break;
      case "U":
        events.push({ kind: "unlink", path: rest });
        break;
      case "S":
        events.push({ kind: "sync", sync: first, inode: second });
        break;
      case "E":
        events.push({ kind: "synced", sync: first });
        break;
      case "M":
        events.push({ kind: "mark", text: octets(Number(first)).toString() });
        break;
      default:
        throw new Error(`not an entry of a recording: ${line.slice(0, 80)}`);
    }
  }
  return events;
}

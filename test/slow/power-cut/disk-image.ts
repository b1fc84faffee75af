import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import type { DiskEvent } from "./recording.ts";

/**
 * How much of what was not synced reaches the disk:
 * - `nothing`;
 * - `prefix`: what was done up to some moment, as a journal keeps names, and data at random;
 * - `random`: anything. The names of one file keep their order, and a rename is never half done.
 */
export type Loss = "nothing" | "prefix" | "random";
export const LOSSES: readonly Loss[] = ["nothing", "prefix", "random"];

type DataChange = { readonly offset: number; readonly octets: Buffer } | { readonly size: number };

interface Pending<T> {
  readonly at: number;
  readonly change: T;
}

/** A file or directory, apart from its names. */
interface Node {
  readonly isDirectory: boolean;
  readonly base: Buffer;
  readonly data: Pending<DataChange>[];
  readonly names: Pending<NameChange>[];
  /** What was done to it before this moment is on the disk: its data, and the names in it. */
  syncedTo: number;
}

/** Names of one node that go and come together, and the directories that they are in. */
interface NameChange {
  readonly removed?: string;
  readonly added?: string;
  readonly parents: readonly Node[];
}

/** The octets that a disk writes at once. */
const GRAINS = [512, 4_096];

/** What lies on a disk after its power was cut at some moment of a recording. */
export class DiskImage {
  readonly #directory: string;
  readonly #nodes = new Map<string, Node>();
  /** By path, as the program saw it. */
  readonly #seen = new Map<string, Node>();
  readonly #all: Node[] = [];
  readonly #syncs = new Map<string, { readonly node: Node; readonly at: number }>();
  readonly #base = new Map<string, Node>();
  #time = 0;

  /** Starts with what lies in the directory now, where the recording is going to be made. */
  constructor(directory: string) {
    this.#directory = directory;
    this.#nodes.set(String(lstatSync(directory).ino), this.#node(true));
    for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
      const path = join(directory, name);
      const status = lstatSync(path);
      const node = this.#nodes.get(String(status.ino)) ?? this.#node(status.isDirectory(), path);
      this.#nodes.set(String(status.ino), node);
      this.#base.set(name, node);
      this.#seen.set(name, node);
    }
  }

  apply(event: DiskEvent): void {
    const at = ++this.#time;
    switch (event.kind) {
      case "create":
      case "mkdir": {
        const node = this.#node(event.kind === "mkdir");
        this.#nodes.set(event.inode, node);
        const added = this.#name(event.path);
        node.names.push({ at, change: { added, parents: this.#parentsOf(added) } });
        this.#seen.set(added, node);
        return;
      }
      case "write":
        this.#nodes.get(event.inode)?.data.push({ at, change: event });
        return;
      case "truncate":
        this.#nodes.get(event.inode)?.data.push({ at, change: event });
        return;
      case "link":
      case "rename": {
        const [from, added] = [this.#name(event.from), this.#name(event.to)];
        const node = this.#existing(from);
        const change =
          event.kind === "link"
            ? { added, parents: this.#parentsOf(added) }
            : { removed: from, added, parents: this.#parentsOf(from, added) };
        node.names.push({ at, change });
        if (event.kind === "rename") this.#seen.delete(from);
        this.#seen.set(added, node);
        return;
      }
      case "unlink": {
        const removed = this.#name(event.path);
        this.#existing(removed).names.push({ at, change: { removed, parents: this.#parentsOf(removed) } });
        this.#seen.delete(removed);
        return;
      }
      case "sync": {
        const node = this.#nodes.get(event.inode);
        if (node !== undefined) this.#syncs.set(event.sync, { node, at });
        return;
      }
      case "synced": {
        const sync = this.#syncs.get(event.sync);
        if (sync !== undefined) sync.node.syncedTo = Math.max(sync.node.syncedTo, sync.at);
        return;
      }
      default:
        return;
    }
  }

  /** Writes what is on the disk now, if the power goes, into a new directory. */
  materialise(target: string, loss: Loss, random: (below: number) => number): void {
    const journalEnd = loss === "prefix" ? random(this.#time + 1) : 0;
    const kept: { at: number; node: Node; change: NameChange }[] = [];
    for (const node of this.#all) {
      const durable = node.names.findLastIndex(isDurable) + 1;
      const beyond =
        loss === "random"
          ? random(node.names.length - durable + 1)
          : node.names.slice(durable).filter(({ at }) => at <= journalEnd).length;
      for (const { at, change } of node.names.slice(0, durable + beyond)) kept.push({ at, node, change });
    }
    const tree = new Map(this.#base);
    for (const { node, change } of kept.sort((a, b) => a.at - b.at)) {
      if (change.removed !== undefined && tree.get(change.removed) === node) tree.delete(change.removed);
      if (change.added !== undefined) tree.set(change.added, node);
    }
    mkdirSync(target, { recursive: true });
    const contents = new Map<Node, Buffer>();
    const isReachable = (name: string): boolean =>
      dirname(name) === "." || (tree.get(dirname(name))?.isDirectory === true && isReachable(dirname(name)));
    const names = [...tree.keys()].filter(isReachable).sort();
    for (const name of names) if (tree.get(name)?.isDirectory) mkdirSync(join(target, name), { recursive: true });
    for (const name of names) {
      const node = tree.get(name);
      if (node === undefined || node.isDirectory) continue;
      let content = contents.get(node);
      if (content === undefined) contents.set(node, (content = contentOf(node, loss, random)));
      writeFileSync(join(target, name), content, { mode: 0o600 });
    }
  }

  #parentsOf(...names: string[]): Node[] {
    return names.flatMap((name) => {
      const parent = dirname(name);
      return (parent === "." ? this.#all[0] : this.#seen.get(parent)) ?? [];
    });
  }

  #node(isDirectory: boolean, path?: string): Node {
    const base = path === undefined || isDirectory ? Buffer.alloc(0) : readFileSync(path);
    const node = { isDirectory, base, data: [], names: [], syncedTo: 0 };
    this.#all.push(node);
    return node;
  }

  #name(path: string): string {
    return relative(this.#directory, path);
  }

  #existing(name: string): Node {
    const node = this.#seen.get(name);
    if (node === undefined) throw new Error(`the recording changes ${name}, which is not there`);
    return node;
  }
}

/** A sync of either directory does it: a rename is one step for the disk. */
function isDurable({ at, change }: Pending<NameChange>): boolean {
  return change.parents.some(({ syncedTo }) => syncedTo > at);
}

function contentOf(node: Node, loss: Loss, random: (below: number) => number): Buffer {
  const ends = node.data.map(({ change }) => ("size" in change ? change.size : change.offset + change.octets.length));
  const content = Buffer.alloc(Math.max(node.base.length, ...ends));
  node.base.copy(content);
  let size = node.base.length;
  const write = (offset: number, octets: Buffer): void => {
    octets.copy(content, offset);
    size = Math.max(size, offset + octets.length);
  };
  for (const { at, change } of node.data) {
    const synced = at < node.syncedTo;
    if (!synced && (loss === "nothing" || random(3) === 0)) continue;
    if ("size" in change) {
      if (change.size < size) content.fill(0, change.size, size);
      size = change.size;
    } else if (synced || random(2) === 0) write(change.offset, change.octets);
    else {
      // Torn: some of its sectors.
      const grain = GRAINS[random(GRAINS.length)] ?? 512;
      for (let start = 0; start < change.octets.length; ) {
        const end = Math.min(change.octets.length, start + grain - ((change.offset + start) % grain));
        if (random(2) === 0) write(change.offset + start, change.octets.subarray(start, end));
        start = end;
      }
    }
  }
  return content.subarray(0, size);
}

import { close, fsync, open } from "node:fs";
import { promisify } from "node:util";

const openOf = promisify(open);
const fsyncOf = promisify(fsync);
const closeOf = promisify(close);

/** Directories that stay open: opening one for each sync costs about as much as the sync. */
const MAX_OPEN = 8;

interface Directory {
  readonly descriptor: Promise<number>;
  /** The sync that runs, and the one that follows it. */
  current: Promise<void> | undefined;
  next: Promise<void> | undefined;
}

/** Makes names in directories durable; whoever asks while a sync runs shares the one that follows it. */
export class DirectorySync {
  /** The one used last at the end. */
  readonly #directories = new Map<string, Directory>();

  sync(path: string): Promise<void> {
    const directory = this.#directory(path);
    if (directory.current === undefined) return this.#start(directory);
    directory.next ??= directory.current.catch(() => undefined).then(() => this.#start(directory));
    return directory.next;
  }

  /** Closes all directories; they are opened again when needed. */
  async close(): Promise<void> {
    const directories = [...this.#directories.values()];
    this.#directories.clear();
    for (const directory of directories) await end(directory);
  }

  #directory(path: string): Directory {
    let directory = this.#directories.get(path);
    if (directory === undefined) {
      const descriptor = openOf(path, "r");
      directory = { descriptor, current: undefined, next: undefined };
      descriptor.catch(() => this.#directories.delete(path));
    }
    this.#directories.delete(path);
    this.#directories.set(path, directory);
    for (const [oldest, idle] of this.#directories) {
      if (this.#directories.size <= MAX_OPEN) break;
      this.#directories.delete(oldest);
      void end(idle);
    }
    return directory;
  }

  #start(directory: Directory): Promise<void> {
    directory.next = undefined;
    const current = directory.descriptor
      .then((descriptor) => fsyncOf(descriptor))
      .finally(() => {
        if (directory.current === current) directory.current = undefined;
      });
    directory.current = current;
    return current;
  }
}

/** Closes it once nothing is under way. */
async function end(directory: Directory): Promise<void> {
  await (directory.next ?? directory.current)?.catch(() => undefined);
  await directory.descriptor.then(closeOf, () => undefined);
}

import { renameSync } from "node:fs";
import type { Clock } from "../foundation/clock.ts";
import { FILES_PER_SLICE, MAX_WAITING_NAMES, NAME_DELAY, NAME_RETRY_DELAY, WORK_SLICE } from "./limits.ts";
import { isMissing, type MailFolders } from "./mail-folders.ts";

/** Which file a row of the index means, and which name it should have. */
export interface FilePlace {
  readonly folder: string;
  readonly file: string;
  readonly letters: string;
}

interface Deviation {
  path: string;
  folder: string;
  letters: string;
  /** Its row may still be undone by a power cut. */
  held: boolean;
}

/**
 * Gives files the names that the index says, a little later than the index says it: the index rules, so a name that was
 * not changed before a crash costs a search for it, never the message. Files stay readable in between.
 */
export class DiskNames {
  readonly #folders: MailFolders;
  readonly #clock: Clock;
  readonly #deviations = new Map<string, Deviation>();
  #scheduled: (() => void) | undefined;
  /** The disk takes no names just now. */
  #refused = false;
  readonly #limit: number;
  #waiting: (() => void)[] = [];

  /** `limit`: names that may wait before others are not taken up. */
  constructor(folders: MailFolders, clock: Clock, limit = MAX_WAITING_NAMES) {
    this.#folders = folders;
    this.#clock = clock;
    this.#limit = limit;
  }

  /** Where the file is now, as far as is known. */
  locate(place: FilePlace): string {
    return this.#deviations.get(place.file)?.path ?? this.#folders.cur(place.folder, place.file, place.letters);
  }

  /**
   * The file is to get the name of its place; `path` is where it is, unless an earlier call said so. With `held` it
   * waits for `release`: a file in `cur` whose row a power cut undid would lie there for ever.
   */
  settle(place: FilePlace, path: string, held = false): void {
    const deviation = this.#deviations.get(place.file);
    if (deviation === undefined)
      this.#deviations.set(place.file, { path, folder: place.folder, letters: place.letters, held });
    else {
      deviation.folder = place.folder;
      deviation.letters = place.letters;
    }
    if (!held) this.#schedule();
  }

  /** The rows of these files are on the disk. */
  release(files: readonly string[]): void {
    for (const file of files) {
      const deviation = this.#deviations.get(file);
      if (deviation !== undefined) deviation.held = false;
    }
    if (files.length > 0) this.#schedule();
  }

  /** The file is about to be removed: where it is; its name does not matter any more. */
  forget(place: FilePlace): string {
    const path = this.locate(place);
    this.#deviations.delete(place.file);
    return path;
  }

  /** Resolves when there is room for more names, or none can be written. */
  async room(): Promise<void> {
    if (this.#deviations.size < this.#limit || this.#refused) return;
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#schedule(1);
    });
  }

  /** Writes all names that wait and are not held. */
  flush(): void {
    this.#scheduled?.();
    this.#scheduled = undefined;
    this.#refused = !this.#write(Number.POSITIVE_INFINITY);
    this.#letIn();
  }

  #letIn(): void {
    if (this.#deviations.size >= this.#limit && !this.#refused) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const goOn of waiting) goOn();
  }

  #schedule(delay = NAME_DELAY): void {
    this.#scheduled ??= this.#clock.after(delay, () => {
      this.#scheduled = undefined;
      // A directory that the disk is busy with can take a thousand times as long as others.
      const written = this.#write(FILES_PER_SLICE, performance.now() + WORK_SLICE);
      this.#refused = !written;
      this.#letIn();
      if (!written) this.#schedule(NAME_RETRY_DELAY);
      else if (this.#somethingWaits()) this.#schedule(1);
    });
  }

  #somethingWaits(): boolean {
    for (const { held } of this.#deviations.values()) if (!held) return true;
    return false;
  }

  /** False where the disk refuses. */
  #write(count: number, until = Number.POSITIVE_INFINITY): boolean {
    let left = count;
    for (const [file, { path, folder, letters, held }] of this.#deviations) {
      if (held) continue;
      if (left-- <= 0 || (left < count - 1 && performance.now() > until)) return true;
      this.#deviations.delete(file);
      const target = this.#folders.cur(folder, file, letters);
      try {
        if (path !== target) renameSync(path, target);
      } catch (error) {
        // A file that is gone is found out when it is read; on a disk that refuses, the old name goes on to serve.
        if (!isMissing(error)) {
          this.#deviations.set(file, { path, folder, letters, held: false });
          return false;
        }
      }
    }
    return true;
  }
}

import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, statSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../foundation/failure.ts";

/** A small file system in memory, mounted on a directory; needs root, or sudo without a password. */
export class Tmpfs {
  readonly directory: string;

  constructor(directory: string, bytes: number) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    asRoot("mount", "-t", "tmpfs", "-o", `size=${bytes},mode=0700,uid=${process.getuid?.() ?? 0}`, "tmpfs", directory);
  }

  /** Takes all space but so many bytes. */
  fill(leave = 0): void {
    const file = openSync(this.#filler, "w");
    try {
      for (const chunk of [Buffer.alloc(65_536), Buffer.alloc(4_096)]) while (tryWrite(file, chunk));
    } finally {
      closeSync(file);
    }
    if (leave > 0) truncateSync(this.#filler, Math.max(0, statSync(this.#filler).size - leave));
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  makeReadOnly(): void {
    asRoot("mount", "-o", "remount,ro", this.directory);
  }

  unmount(): void {
    asRoot("umount", "-l", this.directory);
  }

  get #filler(): string {
    return join(this.directory, "filler");
  }
}

function asRoot(...command: readonly string[]): void {
  const [program = "", ...args] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
  execFileSync(program, args);
}

function tryWrite(file: number, chunk: Buffer): boolean {
  try {
    return writeSync(file, chunk) === chunk.length;
  } catch (error) {
    if (errorCode(error) === "ENOSPC") return false;
    throw error;
  }
}

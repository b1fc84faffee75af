import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { errorCode } from "../../foundation/failure.ts";

/** A small file system in memory, mounted on a directory; needs root. */
export class Tmpfs {
  readonly directory: string;

  constructor(directory: string, bytes: number) {
    this.directory = directory;
    mkdirSync(directory, { recursive: true });
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${bytes},mode=0700`, "tmpfs", directory]);
  }

  /** Takes all space but so many bytes. */
  fill(leave = 0): void {
    const file = openSync(this.#filler, "w");
    try {
      for (const chunk of [Buffer.alloc(65_536), Buffer.alloc(4_096)]) while (tryWrite(file, chunk));
    } finally {
      closeSync(file);
    }
    if (leave > 0) execFileSync("truncate", ["-s", `-${leave}`, this.#filler]);
  }

  free(): void {
    rmSync(this.#filler, { force: true });
  }

  makeReadOnly(): void {
    execFileSync("mount", ["-o", "remount,ro", this.directory]);
  }

  unmount(): void {
    execFileSync("umount", ["-l", this.directory]);
  }

  get #filler(): string {
    return join(this.directory, "filler");
  }
}

function tryWrite(file: number, chunk: Buffer): boolean {
  try {
    return writeSync(file, chunk) === chunk.length;
  } catch (error) {
    if (errorCode(error) === "ENOSPC") return false;
    throw error;
  }
}

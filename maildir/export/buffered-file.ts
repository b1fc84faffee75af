import type { FileHandle } from "node:fs/promises";
import { WRITE_SIZE } from "../limits.ts";

/** Collects small pieces before they are written. */
export interface BufferedFile {
  write(octets: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  /** Octets that were handed in, less those that were taken back. */
  position(): number;
  /** Takes back what lies behind the position. */
  cutTo(position: number): Promise<void>;
}

export function bufferedFile(handle: FileHandle): BufferedFile {
  let waiting: Uint8Array[] = [];
  let size = 0;
  let written = 0;
  const flush = async (): Promise<void> => {
    const octets = Buffer.concat(waiting, size);
    waiting = [];
    size = 0;
    for (let at = 0; at < octets.length; ) {
      const { bytesWritten } = await handle.write(octets, at, octets.length - at, written);
      at += bytesWritten;
      written += bytesWritten;
    }
  };
  return {
    async write(octets) {
      waiting.push(octets);
      size += octets.length;
      if (size >= WRITE_SIZE) await flush();
    },
    flush,
    position: () => written + size,
    async cutTo(position) {
      await flush();
      await handle.truncate(position);
      written = position;
    },
  };
}

import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { writePieces } from "../../foundation/write-pieces.ts";

test.each([undefined, 3])(
  "pieces are written whole, also where the disk takes less at once than it was given; from %p on",
  async (position) => {
    const directory = await mkdtemp(join(tmpdir(), "postern-pieces-"));
    const file = await open(join(directory, "file"), "w+");
    try {
      const takesLittle = new Proxy(file, {
        get(target, name) {
          if (name === "writev")
            return (pieces: Uint8Array[], at?: number) => target.writev([Buffer.concat(pieces).subarray(0, 4)], at);
          if (name === "write")
            return (octets: Uint8Array, from: number, length: number, at: number | null) =>
              target.write(octets, from, Math.min(length, 2), at);
          return Reflect.get(target, name);
        },
      });
      const pieces = ["one", "", "two", "three"].map((text) => Buffer.from(text));
      await writePieces(takesLittle, pieces, position);
      expect((await readFile(join(directory, "file"), "latin1")).slice(position ?? 0)).toBe("onetwothree");
    } finally {
      await file.close();
      await rm(directory, { recursive: true });
    }
  },
);

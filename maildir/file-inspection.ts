import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { StructureParser } from "../mime/structure-parser.ts";
import { AgeFormatError } from "./age/format-error.ts";
import type { AgeIdentity } from "./age/identity.ts";
import { MAX_HEADER_SIZE } from "./age/limits.ts";
import { AgeOpener } from "./age/opener.ts";
import type { WrittenMessage } from "./message-writer.ts";
import { decodeTrailer, TRAILER_SIZE, type Trailer } from "./padding.ts";

/** All that a message's file says, without an index. */
export type InspectedFile = WrittenMessage & Trailer;

/** Reads a message's file to its end, with flat memory; undefined where it is damaged, or is not for this identity. */
export async function inspectFile(path: string, identity: AgeIdentity): Promise<InspectedFile | undefined> {
  const file = await open(path, "r");
  try {
    const opener = await openFile(file, identity);
    if (opener === undefined) return undefined;
    const end: Buffer[] = [];
    for await (const piece of opener.read(Math.max(0, opener.size - TRAILER_SIZE))) end.push(piece);
    const trailer = decodeTrailer(Buffer.concat(end), opener.size);
    if (trailer === undefined) return undefined;
    const parser = new StructureParser();
    const hash = createHash("sha256");
    for await (const piece of opener.read(0, trailer.size)) {
      hash.update(piece);
      parser.push(piece);
    }
    return { ...trailer, contentHash: hash.digest(), ...parser.end() };
  } catch (error) {
    if (error instanceof AgeFormatError) return undefined;
    throw error;
  } finally {
    await file.close();
  }
}

async function openFile(file: FileHandle, identity: AgeIdentity): Promise<AgeOpener | undefined> {
  const { size } = await file.stat();
  const read = async (position: number, length: number): Promise<Buffer> => {
    const octets = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - position)));
    return octets.subarray(0, (await file.read(octets, 0, octets.length, position)).bytesRead);
  };
  return AgeOpener.open(await read(0, MAX_HEADER_SIZE), { size, read }, identity);
}

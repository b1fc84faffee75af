import type { FileHandle } from "node:fs/promises";

/** Writes all of the pieces one behind the other, from a place in the file or where it is. @throws what the file system says */
export async function writePieces(file: FileHandle, pieces: readonly Uint8Array[], position?: number): Promise<void> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const { bytesWritten } = await file.writev(pieces, position);
  if (bytesWritten === length) return;
  // Cut short, as on a disk that is nearly full: the rest goes by itself, or the file system says why not.
  const octets = Buffer.concat(pieces, length);
  for (let at = bytesWritten; at < length; ) {
    const place = position === undefined ? null : position + at;
    at += (await file.write(octets, at, length - at, place)).bytesWritten;
  }
}

import { SMALL_MESSAGE } from "./limits.ts";

/** Reads a message whole if it is small, so that others can be read and stored at the same time; else hands it on as it was. */
export async function takeSmall(content: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array> | Buffer> {
  const iterator = content[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) {
    pieces.push(next.value);
    length += next.value.length;
    if (length > SMALL_MESSAGE) return ended(joined(Buffer.concat(pieces, length), iterator), iterator);
  }
  return Buffer.concat(pieces, length);
}

/** Who stops in the middle ends the source too, which may have a file open. */
async function* ended(
  content: AsyncIterable<Uint8Array>,
  source: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* content;
  } finally {
    await source.return?.();
  }
}

/** What was read before, and the rest; the rest stays open for who reads on after this was left. */
export async function* joined(beginning: Buffer, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (beginning.length > 0) yield beginning;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
}

/** A whole message as content. */
export async function* only(octets: Buffer): AsyncGenerator<Buffer> {
  yield octets;
}

/**
 * A message, or a part of one. What is small comes whole: it is worked on in one go, without the steps of a stream, which
 * cost more than the work itself. What is large comes piece by piece, to be consumed once, and never lies in memory whole.
 */
export type Content = Buffer | AsyncIterable<Uint8Array>;

/** For who takes it piece by piece in any case. */
export function inPieces(content: Content): AsyncIterable<Uint8Array> {
  return Buffer.isBuffer(content) ? onePiece(content) : content;
}

async function* onePiece(octets: Buffer): AsyncGenerator<Uint8Array> {
  if (octets.length > 0) yield octets;
}

/** The head, and then what follows it. */
export function withHead(head: Buffer, tail: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
export function withHead(head: Buffer, tail: Content): Content;
export function withHead(head: Buffer, tail: Content): Content {
  return Buffer.isBuffer(tail) ? Buffer.concat([head, tail]) : headAndTail(head, tail);
}

async function* headAndTail(head: Uint8Array, tail: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield head;
  yield* tail;
}

import type { Content } from "../../foundation/content.ts";
import { BodySegments } from "./body-segments.ts";
import { MAGIC, VERSION } from "./container.ts";

/** An overlay message from its header (fields with CRLF, no empty line) and its body; of one that streams by, 200 KB at most are held. */
export function writeContainer(header: Uint8Array, body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array>;
export function writeContainer(header: Uint8Array, body: Content): Content;
export function writeContainer(header: Uint8Array, body: Content): Content {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(header.length);
  const head = [MAGIC, Buffer.of(VERSION), length, header];
  const segments = new BodySegments();
  return Buffer.isBuffer(body)
    ? Buffer.concat([...head, ...segments.push(body), ...segments.end()])
    : inSegments(Buffer.concat(head), segments, body);
}

async function* inSegments(
  head: Buffer,
  segments: BodySegments,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield head;
  for await (const chunk of body) yield* segments.push(chunk);
  yield* segments.end();
}

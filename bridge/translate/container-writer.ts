import { BodySegments } from "./body-segments.ts";
import { MAGIC, VERSION } from "./container.ts";

/** An overlay message from its header (fields with CRLF, no empty line) and its body; holds 200 KB at most. */
export async function* writeContainer(header: Uint8Array, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(header.length);
  yield Buffer.concat([MAGIC, Buffer.of(VERSION), length, header]);
  const segments = new BodySegments();
  for await (const chunk of body) yield* segments.push(chunk);
  yield* segments.end();
}

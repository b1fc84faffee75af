import { ContainerReader, readContainer } from "./container-reader.ts";
import { type IncomingContext, shownHeader } from "./shown-header.ts";

/**
 * The RFC 5322 message of an overlay message: a header that tells who the sender is, and the body as it was sent,
 * octet for octet. What the content throws passes through; nothing is to be kept of a message that was not read to its
 * end.
 * @throws MalformedOverlayMessage
 */
export async function* translateIncoming(
  content: AsyncIterable<Uint8Array>,
  context: IncomingContext,
): AsyncGenerator<Uint8Array> {
  const reader = new ContainerReader(content);
  try {
    yield shownHeader(await reader.header(), context);
    yield* reader.body();
  } finally {
    await reader.cancel();
  }
}

/** The same of a message that is there whole. @throws MalformedOverlayMessage */
export function translateWhole(content: Uint8Array, context: IncomingContext): Buffer {
  const { header, body } = readContainer(content);
  return Buffer.concat([shownHeader(header, context), ...body]);
}

import type { SMTPServerDataStream } from "smtp-server";
import { SmtpReply } from "./submission.ts";

/**
 * The message as the client sent it, dots unstuffed: octet for octet, but that smtp-server takes `..` after a bare LF
 * for stuffed too, as clients that send bare LFs (which RFC 5321 section 2.3.8 forbids) do stuff it. Throws SmtpReply 552 5.3.4 past the limit, and the stream's own
 * error where the client goes away before the end.
 */
export async function* boundedContent(stream: SMTPServerDataStream, limit: number): AsyncIterable<Uint8Array> {
  let octets = 0;
  // The rest of a message that is refused half-way still has to be read: the stream must outlive this iteration.
  for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    octets += chunk.length;
    if (octets > limit) throw tooBig(limit);
    yield chunk;
  }
}

export function tooBig(limit: number): SmtpReply {
  return new SmtpReply(552, "5.3.4", `The message is larger than ${limit} octets`);
}

/** Reads on to the end of the message and forgets it; returns early where the client is gone. */
export async function drain(stream: SMTPServerDataStream): Promise<void> {
  if (stream.readableEnded || stream.destroyed) return;
  await new Promise<void>((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
    stream.once("error", () => resolve());
    stream.resume();
  });
}

import type { SMTPServerDataStream } from "smtp-server";
import type { Content } from "../foundation/content.ts";
import { WHOLE_MESSAGE } from "./limits.ts";
import { SmtpReply } from "./submission.ts";

/**
 * The message as the client sent it, dots unstuffed: octet for octet, but that smtp-server takes `..` after a bare LF
 * for stuffed too, as clients that send bare LFs (which RFC 5321 section 2.3.8 forbids) do stuff it. A small one is
 * awaited and comes whole. Throws, here or in the iteration, SmtpReply 552 5.3.4 past the limit, and the stream's own
 * error where the client goes away before the end.
 */
export async function receiveContent(stream: SMTPServerDataStream, limit: number): Promise<Content> {
  const whole = await readWhole(stream, WHOLE_MESSAGE);
  if (whole === undefined) return boundedContent(stream, limit);
  if (whole.length > limit) throw tooBig(limit);
  return whole;
}

/** Undefined where it is larger; nothing is taken from the stream then. */
function readWhole(stream: SMTPServerDataStream, most: number): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    let octets = 0;
    const onData = (piece: Buffer): void => {
      pieces.push(piece);
      octets += piece.length;
      if (octets <= most) return;
      stop();
      stream.pause();
      stream.unshift(Buffer.concat(pieces, octets));
      resolve(undefined);
    };
    const onEnd = (): void => {
      stop();
      resolve(pieces.length === 1 ? pieces[0] : Buffer.concat(pieces, octets));
    };
    const onClose = (): void => {
      stop();
      reject(stream.errored ?? new Error("the client went away"));
    };
    const stop = (): void => {
      stream.off("data", onData);
      stream.off("end", onEnd);
      stream.off("close", onClose);
    };
    stream.on("data", onData);
    stream.on("end", onEnd);
    stream.on("close", onClose);
  });
}

async function* boundedContent(stream: SMTPServerDataStream, limit: number): AsyncGenerator<Uint8Array> {
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

import type { Duplex } from "node:stream";
import { DecodeError } from "../../foundation/bytes.ts";
import type { RefusalReason } from "./answer.ts";
import { BlockSplitter } from "./block.ts";
import { CarriedStream } from "./carried-stream.ts";
import type { Forward, Tunnel } from "./forward.ts";
import { toClient, toRelay } from "./frame.ts";
import { PROTOCOL_VERSION } from "./handshake.ts";

const CORRELATION = 1;

/**
 * Greets the relay at the other end of a TLS stream and asks it to carry a stream; the stream then owns the TLS stream.
 * `closed` where the relay hung up, speaks another protocol, or breaks it; the TLS stream is destroyed unless the
 * result is a stream.
 */
export function requestCarried(
  stream: Duplex,
  command: Forward | Tunnel,
): Promise<CarriedStream | RefusalReason | "closed"> {
  return new Promise((resolve) => {
    const splitter = new BlockSplitter();
    let greeted = false;
    let carried: CarriedStream | undefined;
    const end = (outcome: RefusalReason | "closed"): void => {
      stream.destroy();
      carried?.destroy();
      resolve(outcome);
    };
    const take = (block: Buffer): void => {
      const { correlation, message } = toClient.decode(block);
      if (message.kind === "carried" && carried !== undefined) {
        if (!carried.receive(message.bytes)) stream.pause();
      } else if (message.kind === "versions" && !greeted && message.versions.includes(PROTOCOL_VERSION)) {
        greeted = true;
        stream.write(toRelay.encode(0, { kind: "hello", version: PROTOCOL_VERSION }));
        stream.write(toRelay.encode(CORRELATION, command));
      } else if (message.kind === "ok" && correlation === CORRELATION && carried === undefined) {
        carried = new CarriedStream({
          send: (bytes) => stream.write(toRelay.encode(0, { kind: "carry", bytes })),
          hungry: () => void stream.resume(),
          ended: () => void stream.destroy(),
        });
        resolve(carried);
      } else end(message.kind === "refused" ? message.reason : "closed");
    };
    stream.on("data", (piece: Buffer) => {
      try {
        for (const block of splitter.push(piece)) if (!stream.destroyed) take(block);
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
        end("closed");
      }
    });
    stream.on("drain", () => carried?.drained());
    stream.on("error", () => end("closed"));
    stream.once("close", () => end("closed"));
  });
}

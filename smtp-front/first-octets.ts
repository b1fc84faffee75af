import type { Socket } from "node:net";
import type { Clock } from "../foundation/clock.ts";

/** What a client's first octets say of it; `silent` is one that waits for the greeting. */
export type FirstOctets = "tls" | "http" | "talking" | "silent" | "gone";

const TLS_HANDSHAKE = 0x16;
const HTTP = /^[A-Z]{3,10} (?:\/|https?:|\*)/;

/** Waits that long, in milliseconds, for the first octets; they stay in the socket for the one who reads next. */
export function readFirstOctets(socket: Socket, wait: number, clock: Clock): Promise<FirstOctets> {
  return new Promise((resolve) => {
    const settle = (result: FirstOctets) => {
      cancel();
      socket.off("readable", onReadable);
      socket.off("close", onClose);
      resolve(result);
    };
    const onReadable = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) {
        if (socket.readableEnded) settle("gone");
        return;
      }
      socket.unshift(chunk);
      settle(classify(chunk));
    };
    const onClose = () => settle("gone");
    // Where others kept the event loop busy, the time is over before what came meanwhile was read: so that is read first.
    const cancel = clock.after(wait, () => void setImmediate(settle, "silent"));
    socket.on("readable", onReadable);
    socket.on("close", onClose);
  });
}

/** What a chunk that comes first says; a whole first line of HTTP is not waited for. */
export function classify(chunk: Buffer): "tls" | "http" | "talking" {
  if (chunk[0] === TLS_HANDSHAKE) return "tls";
  return HTTP.test(chunk.toString("latin1", 0, 32)) ? "http" : "talking";
}

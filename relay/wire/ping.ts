import type { Codec } from "./codec.ts";

/** Keeps a connection alive; OK. */
export interface Ping {
  readonly kind: "ping";
}

/** `ping = ""` */
export const ping: Codec<Ping> = {
  kind: "ping",
  type: 0x0c,
  write: () => undefined,
  read: () => ({ kind: "ping" }),
};

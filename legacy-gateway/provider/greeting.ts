import { once } from "node:events";
import { connect } from "node:tls";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import { socksConnection } from "../../foundation/socks.ts";
import { DISCOVERY_PATIENCE } from "../limits.ts";
import { isolationUser } from "./proxied.ts";
import { tlsOptions } from "./trust.ts";

const GREETINGS: Readonly<Record<"imap" | "smtp", RegExp>> = { imap: /^\* (OK|PREAUTH)\b/, smtp: /^220[ -]/ };

/** Whether the server greets in the protocol, with TLS and a certificate of its name; nothing is sent to it. */
export async function greets(
  kind: "imap" | "smtp",
  server: { readonly host: string; readonly port: number },
  options: {
    readonly proxy: SocksProxy | undefined;
    readonly isolation: string;
    readonly signal: AbortSignal | undefined;
  },
): Promise<boolean> {
  const { host, port } = server;
  const { proxy, isolation, signal } = options;
  const timely = AbortSignal.timeout(DISCOVERY_PATIENCE);
  const both = signal === undefined ? timely : AbortSignal.any([signal, timely]);
  try {
    const through =
      proxy &&
      (await socksConnection(proxy, server, {
        user: isolationUser(isolation),
        timeout: DISCOVERY_PATIENCE,
        signal: both,
      }));
    const place = through === undefined ? { host, port } : { socket: through };
    const socket = connect({ ...tlsOptions({}), ...place, servername: host });
    socket.on("error", () => undefined);
    try {
      const [greeting] = (await once(socket, "data", { signal: both })) as [Buffer];
      return GREETINGS[kind].test(greeting.toString("latin1", 0, 64));
    } finally {
      socket.destroy();
    }
  } catch {
    signal?.throwIfAborted();
    return false;
  }
}

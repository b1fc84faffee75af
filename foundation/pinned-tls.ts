import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { equalConstantTime } from "./bytes.ts";
import { Failure } from "./failure.ts";

/** A server that is known by its key. */
export interface PinnedServer {
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the SubjectPublicKeyInfo of its certificate. */
  readonly pin: Buffer;
}

export interface PinnedTlsOptions {
  /** Milliseconds for name, connection and handshake together. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** What the bytes travel through; TCP to host and port where absent. It is destroyed with the TLS stream. */
  readonly through?: Duplex;
}

/**
 * TLS 1.3 with a relay, whose key is compared with the pin before a byte is sent.
 * @throws Failure("unavailable"); Failure("forbidden") where another key answers
 */
export async function openPinnedTls(server: PinnedServer, options: PinnedTlsOptions): Promise<TLSSocket> {
  const stream = await handshake(server, options);
  if (holdsPinnedKey(stream, server)) return stream;
  stream.destroy();
  throw new Failure(
    "forbidden",
    `${server.host}:${server.port} is not the relay it was: its key is not the one in the relay address, so nothing was sent. ` +
      "Either the relay was set up anew (ask its operator for the new address) or somebody stands in between (try another network)",
  );
}

export function unreachable({ host, port }: Omit<PinnedServer, "pin">, cause: unknown): Failure {
  return new Failure("unavailable", `the relay at ${host}:${port} cannot be reached just now`, { cause });
}

/** SHA-256 of the SubjectPublicKeyInfo against the pin. TLS 1.3 has proved that the peer holds the private half. */
function holdsPinnedKey(stream: TLSSocket, { pin }: PinnedServer): boolean {
  const key = stream.getPeerX509Certificate()?.publicKey.export({ format: "der", type: "spki" });
  return key !== undefined && equalConstantTime(createHash("sha256").update(key).digest(), pin);
}

function handshake(server: PinnedServer, { timeout, signal, through }: PinnedTlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      through?.destroy();
      return reject(unreachable(server, signal.reason));
    }
    const path = through === undefined ? { host: server.host, port: server.port } : { socket: through };
    // The pin alone decides, not a certificate authority; and the name is nobody's business, hence no SNI.
    const socket = connect({ ...path, minVersion: "TLSv1.3", rejectUnauthorized: false, servername: "" });
    const timer = setTimeout(() => giveUp(new Error("timeout")), timeout);
    const giveUp = (error: unknown): void => {
      settle();
      socket.destroy();
      through?.destroy();
      reject(unreachable(server, error));
    };
    const abort = (): void => giveUp(signal?.reason);
    const ended = (): void => giveUp(new Error("closed during the handshake"));
    const settle = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
      socket.off("close", ended).off("error", giveUp);
      // Whoever takes the stream over listens from now on; an error before that must not end the process.
      socket.on("error", () => socket.destroy());
    };
    signal?.addEventListener("abort", abort);
    socket.once("error", giveUp).once("close", ended);
    socket.once("secureConnect", () => {
      settle();
      socket.setNoDelay(true);
      if (through !== undefined) socket.once("close", () => through.destroy());
      resolve(socket);
    });
  });
}

import { createHash } from "node:crypto";
import type { Duplex } from "node:stream";
import { connect, type TLSSocket } from "node:tls";
import { equalConstantTime } from "../foundation/bytes.ts";
import { Failure } from "../foundation/failure.ts";
import type { RelayAddress } from "../relay/relay-url.ts";
import { EXPORTER_LABEL, EXPORTER_SIZE } from "../relay/wire/size.ts";
import type { CarrierProperties, CarrierStream } from "./carrier.ts";

export interface PinnedTlsOptions {
  readonly properties: CarrierProperties;
  /** Milliseconds for name, connection and handshake together. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  /** What the bytes travel through; TCP to the relay's host and port where absent. It is destroyed with the TLS stream. */
  readonly through?: Duplex;
}

/**
 * TLS 1.3 with the relay, whose key is compared with the pin before a byte is sent.
 * @throws Failure("unavailable"); Failure("forbidden") where another key answers
 */
export async function openPinnedTls(relay: RelayAddress, options: PinnedTlsOptions): Promise<CarrierStream> {
  const stream = await handshake(relay, options);
  if (!holdsPinnedKey(stream, relay)) {
    stream.destroy();
    throw new Failure(
      "forbidden",
      `${relay.host}:${relay.port} is not the relay it was: its key is not the one in the relay address, so nothing was sent. ` +
        "Either the relay was set up anew (ask its operator for the new address) or somebody stands in between (try another network)",
    );
  }
  const secret = stream.exportKeyingMaterial(EXPORTER_SIZE, EXPORTER_LABEL, Buffer.alloc(0));
  return { stream, properties: options.properties, exporter: () => secret };
}

export function unreachable({ host, port }: RelayAddress, cause: unknown): Failure {
  return new Failure("unavailable", `the relay at ${host}:${port} cannot be reached just now`, { cause });
}

/** SHA-256 of the SubjectPublicKeyInfo against the pin. TLS 1.3 has proved that the peer holds the private half. */
function holdsPinnedKey(stream: TLSSocket, { pin }: RelayAddress): boolean {
  const key = stream.getPeerX509Certificate()?.publicKey.export({ format: "der", type: "spki" });
  return key !== undefined && equalConstantTime(createHash("sha256").update(key).digest(), pin);
}

function handshake(relay: RelayAddress, { timeout, signal, through }: PinnedTlsOptions): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      through?.destroy();
      return reject(unreachable(relay, signal.reason));
    }
    const path = through === undefined ? { host: relay.host, port: relay.port } : { socket: through };
    // The pin alone decides, not a certificate authority; and the name is nobody's business, hence no SNI.
    const socket = connect({ ...path, minVersion: "TLSv1.3", rejectUnauthorized: false, servername: "" });
    const timer = setTimeout(() => giveUp(new Error("timeout")), timeout);
    const giveUp = (error: unknown): void => {
      settle();
      socket.destroy();
      through?.destroy();
      reject(unreachable(relay, error));
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

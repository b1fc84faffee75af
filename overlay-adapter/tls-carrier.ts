import { createHash } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";
import { equalConstantTime } from "../foundation/bytes.ts";
import { Failure } from "../foundation/failure.ts";
import type { RelayAddress } from "../relay/relay-url.ts";
import { EXPORTER_LABEL, EXPORTER_SIZE } from "../relay/wire/size.ts";
import type { Carrier, CarrierProperties, CarrierStream } from "./carrier.ts";

export interface TlsCarrierOptions {
  /** Milliseconds for name, connection and handshake together. */
  readonly connectTimeout?: number;
}

/** On a network that works at all, an answer comes within this. */
const MAX_LATENCY = 30_000;
/** A network that drops everything should show before a person gives up waiting. */
const CONNECT_TIMEOUT = 15_000;

/** Straight over TCP and TLS 1.3; the relay sees this machine's address. */
export function tlsCarrier({ connectTimeout = CONNECT_TIMEOUT }: TlsCarrierOptions = {}): Carrier {
  const properties: CarrierProperties = { duplex: true, maxLatency: MAX_LATENCY, hidesIp: false };
  return {
    properties,
    async open(relay, signal) {
      const stream = await handshake(relay, connectTimeout, signal);
      if (!holdsPinnedKey(stream, relay)) {
        stream.destroy();
        throw new Failure(
          "forbidden",
          `${relay.host}:${relay.port} is not the relay it was: its key is not the one in the relay address, so nothing was sent. ` +
            "Either the relay was set up anew (ask its operator for the new address) or somebody stands in between (try another network)",
        );
      }
      const secret = stream.exportKeyingMaterial(EXPORTER_SIZE, EXPORTER_LABEL, Buffer.alloc(0));
      return { stream, properties, exporter: () => secret } satisfies CarrierStream;
    },
  };
}

/** SHA-256 of the SubjectPublicKeyInfo against the pin. TLS 1.3 has proved that the peer holds the private half. */
function holdsPinnedKey(stream: TLSSocket, { pin }: RelayAddress): boolean {
  const key = stream.getPeerX509Certificate()?.publicKey.export({ format: "der", type: "spki" });
  return key !== undefined && equalConstantTime(createHash("sha256").update(key).digest(), pin);
}

function handshake({ host, port }: RelayAddress, timeout: number, signal?: AbortSignal): Promise<TLSSocket> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(unreachable(host, port, signal.reason));
    // The pin alone decides, not a certificate authority; and the name is nobody's business, hence no SNI.
    const socket = connect({ host, port, minVersion: "TLSv1.3", rejectUnauthorized: false, servername: "" });
    const timer = setTimeout(() => giveUp(new Error("timeout")), timeout);
    const giveUp = (error: unknown): void => {
      settle();
      socket.destroy();
      reject(unreachable(host, port, error));
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
      resolve(socket);
    });
  });
}

function unreachable(host: string, port: number, cause: unknown): Failure {
  return new Failure("unavailable", `the relay at ${host}:${port} cannot be reached just now`, { cause });
}

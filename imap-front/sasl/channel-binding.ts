import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { loadX509 } from "../../foundation/x509.ts";

/**
 * A TLS connection's octets for a type of channel binding; undefined where it has none. tls-unique is not offered: it
 * does not exist in TLS 1.3 (RFC 8446 appendix C.5), and is weak before it without extended master secrets.
 */
export async function channelBinding(socket: TLSSocket, type: string): Promise<Buffer | undefined> {
  if (type === "tls-exporter") return exported(socket);
  if (type === "tls-server-end-point") return await serverEndPoint(socket);
  return undefined;
}

/** RFC 9266 section 2; for TLS 1.3 alone, where it needs no extended master secret and nothing is renegotiated. */
function exported(socket: TLSSocket): Buffer | undefined {
  if (socket.getProtocol() !== "TLSv1.3") return undefined;
  return socket.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
}

/** RFC 5929 section 4.1: the certificate's hash, with the hash of its signature, but SHA-256 in place of MD5 and SHA-1. */
async function serverEndPoint(socket: TLSSocket): Promise<Buffer | undefined> {
  const certificate = socket.getX509Certificate();
  if (certificate === undefined) return undefined;
  const x509 = await loadX509();
  const { signatureAlgorithm } = new x509.X509Certificate(certificate.raw);
  const hash = "hash" in signatureAlgorithm ? (signatureAlgorithm.hash as { readonly name: string }).name : undefined;
  switch (hash) {
    case "SHA-1":
    case "SHA-256":
      return createHash("sha256").update(certificate.raw).digest();
    case "SHA-384":
      return createHash("sha384").update(certificate.raw).digest();
    case "SHA-512":
      return createHash("sha512").update(certificate.raw).digest();
    default:
      return undefined;
  }
}

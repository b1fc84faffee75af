import { createPublicKey, type KeyObject, webcrypto } from "node:crypto";
import { loadX509 } from "../foundation/x509.ts";

const P256 = { name: "ECDSA", namedCurve: "P-256" };

/**
 * A self-signed X.509 v3 certificate (RFC 5280) in PEM for an EC P-256 key. Clients know the relay by the hash of its
 * key, so the certificate is mere packing: it names nobody and ends in the year 9999 (RFC 5280 section 4.1.2.5).
 */
export async function selfSignedCertificate(privateKey: KeyObject): Promise<string> {
  const x509 = await loadX509();
  const name = [{ CN: ["relay"] }];
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const certificate = await x509.X509CertificateGenerator.create({
    subject: name,
    issuer: name,
    publicKey: subjectPublicKeyInfo(privateKey),
    signingKey: await webcrypto.subtle.importKey("pkcs8", pkcs8, P256, false, ["sign"]),
    notBefore: new Date(Date.UTC(2020, 0, 1)),
    notAfter: new Date(Date.UTC(9999, 11, 31, 23, 59, 59)),
    // A list of extensions may not be empty.
    extensions: [new x509.BasicConstraintsExtension(false, undefined, true)],
  });
  return `${certificate.toString("pem")}\n`;
}

/** The key's public half as certificates carry it, in DER. */
export function subjectPublicKeyInfo(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" });
}

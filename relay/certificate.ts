import { createPublicKey, type KeyObject, randomBytes, sign } from "node:crypto";

const SEQUENCE = 0x30;
const SET = 0x31;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const EXPLICIT_0 = 0xa0;

/** OBJECT IDENTIFIERs ecdsa-with-SHA256 (1.2.840.10045.4.3.2) and commonName (2.5.4.3), in DER. */
const ECDSA_WITH_SHA256 = Buffer.from("06082a8648ce3d040302", "hex");
const COMMON_NAME = Buffer.from("0603550403", "hex");

/**
 * A self-signed X.509 v3 certificate (RFC 5280) in PEM for an EC P-256 key. Clients know the relay by the hash of its
 * key, so the certificate is mere packing: it names nobody and ends in the year 9999 (RFC 5280 section 4.1.2.5).
 */
export function selfSignedCertificate(privateKey: KeyObject): string {
  const algorithm = der(SEQUENCE, ECDSA_WITH_SHA256);
  const name = der(SEQUENCE, der(SET, der(SEQUENCE, COMMON_NAME, der(UTF8_STRING, Buffer.from("relay")))));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const toBeSigned = der(
    SEQUENCE,
    der(EXPLICIT_0, der(INTEGER, Buffer.of(2))),
    der(INTEGER, serial),
    algorithm,
    name,
    der(SEQUENCE, der(UTC_TIME, Buffer.from("200101000000Z")), der(GENERALIZED_TIME, Buffer.from("99991231235959Z"))),
    name,
    subjectPublicKeyInfo(privateKey),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const certificate = der(SEQUENCE, toBeSigned, algorithm, der(BIT_STRING, Buffer.of(0), signature));
  const lines = certificate.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

/** The key's public half as certificates carry it, in DER. */
export function subjectPublicKeyInfo(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" });
}

/** Tag, length, content: X.690 section 8.1 with the definite lengths of section 10.1. */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const length = Buffer.of(body.length >> 8, body.length & 0xff).subarray(body.length < 0x100 ? 1 : 0);
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

import { createPrivateKey, KeyObject, webcrypto, X509Certificate } from "node:crypto";
import type { PublicKeyType, X509Certificate as X509LibraryCertificate } from "@peculiar/x509";
import { loadX509, type X509Library } from "../foundation/x509.ts";

const DAY = 24 * 3_600_000;
const AUTHORITY_LIFETIME = 3650 * DAY;
/** Apple's programs refuse leaves of more than 398 days; with the day before, this stays below. */
const LEAF_LIFETIME = 396 * DAY;
/** A bridge that runs at least once a month never shows an expired leaf. */
const RENEWAL_BEFORE_END = 30 * DAY;
/** Certificates begin a day ago: the mail program may run on a machine whose clock is behind. */
const BACKDATING = DAY;

const P256 = { name: "ECDSA", namedCurve: "P-256" };

/**
 * NameConstraints (RFC 5280 section 4.2.1.10) in DER, which the library does not write: the permitted subtrees are
 * dNSName localhost and the iPAddresses 127.0.0.1 and ::1, each with a mask of ones.
 */
const LOOPBACK_CONSTRAINTS = Buffer.from(
  `303f a03d
     300b 8209 ${Buffer.from("localhost").toString("hex")}
     300a 8708 7f000001 ffffffff
     3022 8720 00000000000000000000000000000001 ffffffffffffffffffffffffffffffff`.replace(/\s/g, ""),
  "hex",
);

/** PEM texts; `key` is a PKCS #8 private key and a secret. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
}

/**
 * A new certificate authority for the fronts (ECDSA P-256), valid for ten years. It can issue leaves alone, and for
 * nothing but localhost, 127.0.0.1 and ::1, so that a stolen key cannot stand between the user and the web.
 */
export async function createAuthority({ now }: CertificateOptions): Promise<CertifiedKey> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const identifier = await keyIdentifier(x509, keys.publicKey);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    // Each authority has a name of its own, made from its key: NSS looks issuers up by name.
    name: [{ CN: [`Postern on this computer ${identifier.slice(0, 8)}`] }],
    keys,
    notBefore: new Date(now - BACKDATING),
    notAfter: new Date(now + AUTHORITY_LIFETIME),
    extensions: [
      new x509.SubjectKeyIdentifierExtension(identifier),
      new x509.AuthorityKeyIdentifierExtension(identifier),
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      new x509.Extension("2.5.29.30", true, LOOPBACK_CONSTRAINTS),
    ],
  });
  return { certificate: pem(certificate), key: exportKey(keys.privateKey) };
}

/** A new key and leaf for localhost, 127.0.0.1 and ::1, valid for 396 days. One authority may issue as many as needed. */
export async function issueLeaf(authority: CertifiedKey, { now }: CertificateOptions): Promise<CertifiedKey> {
  const x509 = await loadX509();
  const keys = await newKeys();
  const issuer = new x509.X509Certificate(authority.certificate);
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: ["localhost"] }],
    publicKey: keys.publicKey,
    issuer: issuer.subjectName,
    signingKey: await importKey(authority.key),
    notBefore: new Date(now - BACKDATING),
    notAfter: new Date(now + LEAF_LIFETIME),
    extensions: [
      new x509.SubjectKeyIdentifierExtension(await keyIdentifier(x509, keys.publicKey)),
      new x509.AuthorityKeyIdentifierExtension(await keyIdentifier(x509, issuer.publicKey)),
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ]),
    ],
  });
  return { certificate: pem(certificate), key: exportKey(keys.privateKey) };
}

/** True from 30 days before its end, and where the clock stands before its beginning. */
export function leafNeedsRenewal(certificatePem: string, now: number): boolean {
  const { validFrom, validTo } = new X509Certificate(certificatePem);
  return now < Date.parse(validFrom) || now > Date.parse(validTo) - RENEWAL_BEFORE_END;
}

/** SHA-256 of the certificate, upper-case hexadecimal with colons, as mail programs show it. */
export function certificateFingerprint(certificatePem: string): string {
  return new X509Certificate(certificatePem).fingerprint256;
}

/** RFC 7093 section 2, method 1: SHA-256 of the public key's bits, cut to 160; in hexadecimal. */
async function keyIdentifier(x509: X509Library, key: PublicKeyType): Promise<string> {
  const digest = await (await x509.PublicKey.create(key)).getKeyIdentifier("SHA-256");
  return Buffer.from(digest, 0, 20).toString("hex");
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(P256, true, ["sign", "verify"]);
}

function importKey(pkcs8: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(pkcs8).export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, P256, false, ["sign"]);
}

function exportKey(key: webcrypto.CryptoKey): string {
  return KeyObject.from(key).export({ format: "pem", type: "pkcs8" }).toString();
}

function pem(certificate: X509LibraryCertificate): string {
  return `${certificate.toString("pem")}\n`;
}

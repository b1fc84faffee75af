import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from "node:crypto";
import { promisify } from "node:util";
import {
  bitString,
  integer,
  objectIdentifier,
  octetString,
  pem,
  sequence,
  set,
  TRUE,
  tagged,
  taggedPrimitive,
  time,
  utf8String,
} from "./der.ts";

const DAY = 24 * 3_600_000;
const AUTHORITY_LIFETIME = 3650 * DAY;
/** Apple's programs refuse leaves of more than 398 days; with the day before, this stays below. */
const LEAF_LIFETIME = 396 * DAY;
/** A bridge that runs at least once a month never shows an expired leaf. */
const RENEWAL_BEFORE_END = 30 * DAY;
/** Certificates begin a day ago: the mail program may run on a machine whose clock is behind. */
const BACKDATING = DAY;

/** RFC 5758 section 3.2: no parameters. */
const ECDSA_WITH_SHA256 = sequence(objectIdentifier("1.2.840.10045.4.3.2"));
const SERVER_AUTH = objectIdentifier("1.3.6.1.5.5.7.3.1");

const LOCALHOST = Buffer.from("localhost");
const IPV4_LOOPBACK = Buffer.of(127, 0, 0, 1);
const IPV6_LOOPBACK = Buffer.from([...Array<number>(15).fill(0), 1]);
/** GeneralName's tags (RFC 5280 section 4.2.1.6). */
const DNS_NAME = 2;
const IP_ADDRESS = 7;

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
  const key = await newKey();
  const certificate = certify({
    subject: authorityName(key),
    subjectKey: key,
    issuerKey: key,
    notBefore: now - BACKDATING,
    notAfter: now + AUTHORITY_LIFETIME,
    extensions: [
      // CA, pathLenConstraint 0; keyCertSign, cRLSign.
      critical("2.5.29.19", sequence(TRUE, integer(0))),
      critical("2.5.29.15", bitString(Buffer.of(0b0000_0110), 1)),
      critical("2.5.29.30", loopbackConstraints()),
    ],
  });
  return { certificate, key: exportKey(key) };
}

/** A new key and leaf for localhost, 127.0.0.1 and ::1, valid for 396 days. One authority may issue as many as needed. */
export async function issueLeaf(authority: CertifiedKey, { now }: CertificateOptions): Promise<CertifiedKey> {
  const key = await newKey();
  const certificate = certify({
    subject: commonName("localhost"),
    subjectKey: key,
    issuerKey: createPrivateKey(authority.key),
    notBefore: now - BACKDATING,
    notAfter: now + LEAF_LIFETIME,
    extensions: [
      // No CA; digitalSignature.
      critical("2.5.29.19", sequence()),
      critical("2.5.29.15", bitString(Buffer.of(0b1000_0000), 7)),
      extension("2.5.29.37", sequence(SERVER_AUTH)),
      extension("2.5.29.17", loopbackNames()),
    ],
  });
  return { certificate, key: exportKey(key) };
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

/** Certificate of RFC 5280 section 4.1, version 3, in PEM. */
function certify(options: {
  readonly subject: Buffer;
  readonly subjectKey: KeyObject;
  readonly issuerKey: KeyObject;
  readonly notBefore: number;
  readonly notAfter: number;
  readonly extensions: readonly Buffer[];
}): string {
  const { subject, subjectKey, issuerKey, extensions } = options;
  const serial = randomBytes(16);
  // Positive and without leading zeros, whatever was drawn.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    tagged(0, integer(2)),
    integer(...serial),
    ECDSA_WITH_SHA256,
    authorityName(issuerKey),
    sequence(time(options.notBefore), time(options.notAfter)),
    subject,
    publicKeyInfo(subjectKey),
    tagged(
      3,
      sequence(
        extension("2.5.29.14", octetString(keyIdentifier(subjectKey))),
        extension("2.5.29.35", sequence(taggedPrimitive(0, keyIdentifier(issuerKey)))),
        ...extensions,
      ),
    ),
  );
  const signature = sign("sha256", toBeSigned, issuerKey);
  return pem("CERTIFICATE", sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(signature)));
}

function extension(id: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(id), octetString(value));
}

function critical(id: string, value: Uint8Array): Buffer {
  return sequence(objectIdentifier(id), TRUE, octetString(value));
}

function loopbackNames(): Buffer {
  return sequence(
    taggedPrimitive(DNS_NAME, LOCALHOST),
    taggedPrimitive(IP_ADDRESS, IPV4_LOOPBACK),
    taggedPrimitive(IP_ADDRESS, IPV6_LOOPBACK),
  );
}

/** NameConstraints (RFC 5280 section 4.2.1.10): permitted subtrees alone; addresses carry their masks. */
function loopbackConstraints(): Buffer {
  const withMask = (address: Buffer): Buffer => Buffer.concat([address, Buffer.alloc(address.length, 0xff)]);
  return sequence(
    tagged(
      0,
      sequence(taggedPrimitive(DNS_NAME, LOCALHOST)),
      sequence(taggedPrimitive(IP_ADDRESS, withMask(IPV4_LOOPBACK))),
      sequence(taggedPrimitive(IP_ADDRESS, withMask(IPV6_LOOPBACK))),
    ),
  );
}

/** Each authority has a name of its own, made from its key: NSS looks issuers up by name. */
function authorityName(key: KeyObject): Buffer {
  return commonName(`Postern on this computer ${keyIdentifier(key).toString("hex", 0, 4)}`);
}

function commonName(name: string): Buffer {
  return sequence(set(sequence(objectIdentifier("2.5.4.3"), utf8String(name))));
}

/** RFC 7093 section 2, method 1: SHA-256 of the public key's bits, cut to 160. */
function keyIdentifier(key: KeyObject): Buffer {
  // A P-256 point is the last 65 bytes of its SubjectPublicKeyInfo.
  return createHash("sha256").update(publicKeyInfo(key).subarray(-65)).digest().subarray(0, 20);
}

function publicKeyInfo(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ format: "der", type: "spki" });
}

async function newKey(): Promise<KeyObject> {
  return (await promisify(generateKeyPair)("ec", { namedCurve: "P-256" })).privateKey;
}

function exportKey(key: KeyObject): string {
  return key.export({ format: "pem", type: "pkcs8" }).toString();
}

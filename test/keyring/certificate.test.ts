import { createHash, webcrypto, X509Certificate } from "node:crypto";
import { connect, createServer, type TLSSocket } from "node:tls";
import { beforeAll, expect, test } from "@jest/globals";
import { loadX509 } from "../../foundation/x509.ts";
import {
  type CertifiedKey,
  certificateFingerprint,
  createAuthority,
  issueLeaf,
  leafNeedsRenewal,
} from "../../keyring/certificate.ts";
import { DAY } from "./some-account.ts";

const NOW = Date.now();
let authority: CertifiedKey;
let leaf: CertifiedKey;

beforeAll(async () => {
  authority = await createAuthority({ now: NOW });
  leaf = await issueLeaf(authority, { now: NOW });
});

/** Connects to a server that shows these certificates, trusting the authority alone. @throws what TLS finds wrong */
async function shakeHands(shown: CertifiedKey, host: string, servername = host): Promise<void> {
  const server = createServer({ cert: shown.certificate, key: shown.key });
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  // A server name may not be an address (RFC 6066 section 3); without one the host is checked.
  const name = servername === host ? {} : { servername };
  const socket: TLSSocket = connect({ host, port: address.port, ca: authority.certificate, ...name });
  try {
    await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
  } finally {
    socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** What a thief of the authority's key would sign: a server for other names, or below an authority of his own. */
async function forge(names: { type: "dns" | "ip"; value: string }[], throughAuthority = false): Promise<CertifiedKey> {
  const x509 = await loadX509();
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const newKeys = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const stolen = x509.PemConverter.decodeFirst(authority.key);
  let issuer = new x509.X509Certificate(authority.certificate).subjectName;
  let signingKey = await webcrypto.subtle.importKey("pkcs8", stolen, algorithm, false, ["sign"]);
  let chain = "";
  if (throughAuthority) {
    const { publicKey, privateKey } = await newKeys();
    const below = await x509.X509CertificateGenerator.create({
      subject: "CN=below",
      issuer,
      publicKey,
      signingKey,
      extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
    });
    [issuer, signingKey, chain] = [below.subjectName, privateKey, below.toString("pem")];
  }
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=forged",
    issuer,
    publicKey: keys.publicKey,
    signingKey,
    extensions: [new x509.SubjectAlternativeNameExtension(names)],
  });
  const key = x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { certificate: `${certificate.toString("pem")}\n${chain}`, key };
}

test("a TLS client that trusts the authority alone connects to localhost, 127.0.0.1 and ::1", async () => {
  for (const host of ["localhost", "127.0.0.1", "::1"]) await shakeHands(leaf, host);
});

test("the leaf is for localhost, 127.0.0.1 and ::1, and for no other name", () => {
  const certificate = new X509Certificate(leaf.certificate);
  expect(certificate.checkHost("localhost")).toBe("localhost");
  expect(certificate.checkIP("127.0.0.1")).toBe("127.0.0.1");
  expect(certificate.checkIP("::1")).toBe("::1");
  expect(certificate.checkHost("example.org")).toBeUndefined();
  expect(certificate.checkIP("127.0.0.2")).toBeUndefined();
});

test("no TLS client takes what the authority's key signs for another name or address", async () => {
  await shakeHands(await forge([{ type: "dns", value: "localhost" }]), "127.0.0.1", "localhost");
  const forWeb = await forge([{ type: "dns", value: "example.org" }]);
  await expect(shakeHands(forWeb, "127.0.0.1", "example.org")).rejects.toThrow("permitted subtree violation");
  const forAddress = await forge([{ type: "ip", value: "127.0.0.2" }]);
  await expect(shakeHands(forAddress, "127.0.0.1")).rejects.toThrow("permitted subtree violation");
});

test("no TLS client takes what is signed by an authority below", async () => {
  const below = await forge([{ type: "dns", value: "localhost" }], true);
  await expect(shakeHands(below, "127.0.0.1", "localhost")).rejects.toThrow("path length constraint exceeded");
});

test("the authority and the leaf say what their keys are for, and which key signed them", async () => {
  const x509 = await loadX509();
  const [root, end] = [authority, leaf].map(({ certificate }) => new x509.X509Certificate(certificate));
  const identifier = root?.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  expect(identifier).toHaveLength(40);
  expect(root?.subject).toBe(`CN=Postern on this computer ${identifier?.slice(0, 8)}`);
  expect(root?.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: true, pathLength: 0, critical: true });
  const { keyCertSign, cRLSign, digitalSignature } = x509.KeyUsageFlags;
  expect(root?.getExtension(x509.KeyUsagesExtension)).toMatchObject({ usages: keyCertSign | cRLSign, critical: true });
  expect(root?.getExtension("2.5.29.30")?.critical).toBe(true);
  expect(end?.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true });
  expect(end?.getExtension(x509.KeyUsagesExtension)).toMatchObject({ usages: digitalSignature, critical: true });
  expect(end?.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual(["1.3.6.1.5.5.7.3.1"]);
  for (const certificate of [root, end])
    expect(certificate?.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId).toBe(identifier);
});

test("every certificate has a positive serial number of its own, of 20 octets at most", async () => {
  const more = await Promise.all(Array.from({ length: 16 }, () => issueLeaf(authority, { now: NOW })));
  const serials = [authority, leaf, ...more].map(({ certificate }) => new X509Certificate(certificate).serialNumber);
  expect(new Set(serials).size).toBe(serials.length);
  for (const serial of serials) expect(serial).toMatch(/^(?:[0-9A-F]{2}){8,20}$/);
});

test("the authority lives ten years, a leaf less than 398 days, and both begin a day ago", () => {
  const days = ({ certificate }: CertifiedKey) => {
    const { validFrom, validTo } = new X509Certificate(certificate);
    return [Date.parse(validFrom), Date.parse(validTo)].map((time) => Math.round((time - NOW) / DAY));
  };
  expect(days(authority)).toEqual([-1, 3650]);
  expect(days(leaf)).toEqual([-1, 396]);
});

test("a leaf is renewed in its last month, or where the clock says that it has not begun", () => {
  expect(leafNeedsRenewal(leaf.certificate, NOW)).toBe(false);
  expect(leafNeedsRenewal(leaf.certificate, NOW + 365 * DAY)).toBe(false);
  expect(leafNeedsRenewal(leaf.certificate, NOW + 367 * DAY)).toBe(true);
  expect(leafNeedsRenewal(leaf.certificate, NOW - 2 * DAY)).toBe(true);
});

test("a renewed leaf has a key of its own and the same authority", async () => {
  const renewed = await issueLeaf(authority, { now: NOW + 380 * DAY });
  expect(renewed.key).not.toBe(leaf.key);
  const certificate = new X509Certificate(renewed.certificate);
  expect(certificate.verify(new X509Certificate(authority.certificate).publicKey)).toBe(true);
  expect(certificate.checkIssued(new X509Certificate(authority.certificate))).toBe(true);
});

test("an authority made in the last years of the century's first half ends after 2049, on a whole second", async () => {
  const late = await createAuthority({ now: Date.UTC(2045, 0, 1, 0, 0, 0, 123) });
  const { raw, validTo } = new X509Certificate(late.certificate);
  expect(validTo).toContain("2054");
  // RFC 5280 section 4.1.2.5.2: no fraction.
  expect(raw.toString("latin1")).toMatch(/20541230000000Z/);
});

test("the fingerprint is SHA-256 of the certificate in DER, in pairs of digits", () => {
  const { raw } = new X509Certificate(authority.certificate);
  const fingerprint = certificateFingerprint(authority.certificate);
  expect(fingerprint).toMatch(/^(?:[0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  expect(fingerprint.replaceAll(":", "").toLowerCase()).toBe(createHash("sha256").update(raw).digest("hex"));
});

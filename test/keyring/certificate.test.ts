import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, createServer, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  type CertifiedKey,
  certificateFingerprint,
  createAuthority,
  issueLeaf,
  leafNeedsRenewal,
} from "../../keyring/certificate.ts";
import { DAY } from "./some-account.ts";

const NOW = Date.now();
let directory: string;
let authority: CertifiedKey;
let leaf: CertifiedKey;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), "postern-certificate-"));
  authority = await createAuthority({ now: NOW });
  leaf = await issueLeaf(authority, { now: NOW });
  for (const [name, text] of Object.entries({
    "ca.pem": authority.certificate,
    "ca.key": authority.key,
    "leaf.pem": leaf.certificate,
  }))
    writeFileSync(join(directory, name), text, { mode: 0o600 });
});
afterAll(() => rmSync(directory, { recursive: true }));

function openssl(...parameters: string[]) {
  return spawnSync("openssl", parameters, { cwd: directory, encoding: "utf8" });
}

test.each([
  ["-verify_hostname", "localhost"],
  ["-verify_ip", "127.0.0.1"],
  ["-verify_ip", "::1"],
])("openssl, strict, accepts the leaf for %s %s", (option, name) => {
  const { stdout } = openssl(
    "verify",
    "-x509_strict",
    "-purpose",
    "sslserver",
    "-CAfile",
    "ca.pem",
    option,
    name,
    "leaf.pem",
  );
  expect(stdout).toBe("leaf.pem: OK\n");
});

test("openssl refuses what the authority's key signs for any other name, and what is signed below", () => {
  execFileSync(
    "openssl",
    [
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      "other.key",
      "-subj",
      "/CN=x",
      "-out",
      "other.csr",
    ],
    { cwd: directory, stdio: "ignore" },
  );
  const extensions = {
    web: "subjectAltName=DNS:example.org",
    address: "subjectAltName=IP:192.0.2.1",
    authority: "basicConstraints=critical,CA:true",
  };
  for (const [name, text] of Object.entries(extensions)) {
    writeFileSync(join(directory, `${name}.ext`), text);
    const signing = ["-CA", "ca.pem", "-CAkey", "ca.key", "-extfile", `${name}.ext`];
    expect(openssl("x509", "-req", "-in", "other.csr", ...signing, "-out", `${name}.pem`).status).toBe(0);
  }
  expect(openssl("verify", "-CAfile", "ca.pem", "web.pem").stderr).toContain("permitted subtree violation");
  expect(openssl("verify", "-CAfile", "ca.pem", "address.pem").stderr).toContain("permitted subtree violation");
  const below = ["-CA", "authority.pem", "-CAkey", "other.key", "-out", "below.pem"];
  expect(openssl("x509", "-req", "-in", "other.csr", ...below).status).toBe(0);
  expect(openssl("verify", "-CAfile", "ca.pem", "-untrusted", "authority.pem", "below.pem").status).not.toBe(0);
});

test("a TLS client that trusts the authority alone connects to localhost, 127.0.0.1 and ::1", async () => {
  const server = createServer({ cert: leaf.certificate, key: leaf.key }, (socket) => socket.end("hello"));
  await new Promise<void>((resolve) => server.listen(0, "::", resolve));
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  for (const host of ["localhost", "127.0.0.1", "::1"]) {
    const socket: TLSSocket = connect({ host, port: address.port, ca: authority.certificate });
    await new Promise<void>((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject));
    expect(socket.authorized).toBe(true);
    socket.destroy();
  }
  await new Promise((resolve) => server.close(resolve));
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

test("an authority made in the last years of the century's first half ends after 2049 all the same", async () => {
  const late = await createAuthority({ now: Date.UTC(2045, 0, 1) });
  expect(new X509Certificate(late.certificate).validTo).toContain("2054");
});

test("the fingerprint is the one that openssl prints", () => {
  const printed = openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256").stdout.trim();
  expect(printed.split("=")[1]).toBe(certificateFingerprint(authority.certificate));
});

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type CertifiedKey, certificateFingerprint, createAuthority, issueLeaf } from "../../../keyring/certificate.ts";
import { programPath, run, runWell } from "./program.ts";

const OPENSSL = programPath("openssl", "openssl");
let home: string;
let authority: CertifiedKey;

beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), "postern-certificate-"));
  const now = Date.now();
  authority = await createAuthority({ now });
  const leaf = await issueLeaf(authority, { now });
  const files = { "ca.pem": authority.certificate, "ca.key": authority.key, "leaf.pem": leaf.certificate };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(home, name), text, { mode: 0o600 });
});
afterAll(() => rmSync(home, { recursive: true }));

function openssl(...parameters: string[]) {
  return run(OPENSSL, parameters, { home });
}

test.each([
  ["-verify_hostname", "localhost"],
  ["-verify_ip", "127.0.0.1"],
  ["-verify_ip", "::1"],
])("openssl, strict, accepts the leaf for %s %s", async (option, name) => {
  const strictly = ["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", "ca.pem"];
  const { stdout, stderr } = await openssl(...strictly, option, name, "leaf.pem");
  expect(stderr).toBe("");
  expect(stdout.toString()).toBe("leaf.pem: OK\n");
});

test("openssl refuses what the authority's key signs for any other name, and what is signed below", async () => {
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "other.key"];
  await runWell(OPENSSL, ["req", ...newKey, "-subj", "/CN=x", "-out", "other.csr"], { home });
  const extensions = {
    web: "subjectAltName=DNS:example.org",
    address: "subjectAltName=IP:192.0.2.1",
    authority: "basicConstraints=critical,CA:true",
  };
  const signing = ["x509", "-req", "-in", "other.csr"];
  for (const [name, text] of Object.entries(extensions)) {
    writeFileSync(join(home, `${name}.ext`), text);
    const byAuthority = ["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", `${name}.ext`];
    await runWell(OPENSSL, [...signing, ...byAuthority, "-out", `${name}.pem`], { home });
  }
  for (const name of ["web.pem", "address.pem"])
    expect((await openssl("verify", "-CAfile", "ca.pem", name)).stderr).toContain("permitted subtree violation");
  const below = ["-CA", "authority.pem", "-CAkey", "other.key", "-CAcreateserial", "-out", "below.pem"];
  await runWell(OPENSSL, [...signing, ...below], { home });
  expect((await openssl("verify", "-CAfile", "ca.pem", "-untrusted", "authority.pem", "below.pem")).status).not.toBe(0);
});

test("the fingerprint is the one that openssl prints", async () => {
  const printed = await openssl("x509", "-in", "ca.pem", "-noout", "-fingerprint", "-sha256");
  expect(printed.stdout.toString().trim().split("=")[1]).toBe(certificateFingerprint(authority.certificate));
});

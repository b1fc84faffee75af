import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { loadRelayKeys } from "../../relay/relay-keys.ts";

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "postern-relay-keys-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("a relay that starts again has the same key, token and certificate", () =>
  withDirectory(async (directory) => {
    const keys = await loadRelayKeys(directory);
    expect(await loadRelayKeys(directory)).toEqual(keys);
    expect(await readFile(join(directory, "tls-certificate.pem"), "utf8")).toBe(keys.certificate);
    expect((await stat(join(directory, "tls-certificate.pem"))).mode & 0o777).toBe(0o600);
  }));

test("the certificate names nobody, signs itself and lasts until the year 9999", () =>
  withDirectory(async (directory) => {
    const certificate = new X509Certificate((await loadRelayKeys(directory)).certificate);
    expect([certificate.subject, certificate.issuer]).toEqual(["CN=relay", "CN=relay"]);
    expect(certificate.subjectAltName).toBeUndefined();
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.checkIssued(certificate)).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(Date.parse(certificate.validFrom)).toBe(Date.UTC(2020, 0, 1));
    expect(Date.parse(certificate.validTo)).toBe(Date.UTC(9999, 11, 31, 23, 59, 59));
  }));

test("a certificate that is damaged or of another key is replaced, and the pin stays", () =>
  withDirectory((directory) =>
    withDirectory(async (other) => {
      const { pin, privateKey } = await loadRelayKeys(directory);
      const foreign = (await loadRelayKeys(other)).certificate;
      for (const certificate of [foreign, "no certificate\n", ""]) {
        await writeFile(join(directory, "tls-certificate.pem"), certificate);
        const keys = await loadRelayKeys(directory);
        expect(keys).toMatchObject({ pin, privateKey });
        expect(new X509Certificate(keys.certificate).verify(new X509Certificate(keys.certificate).publicKey)).toBe(
          true,
        );
        expect(keys.certificate).not.toBe(certificate);
      }
    }),
  ));

test.each(["tls-key.pem", "token"])("a damaged %s is told and never replaced", (name) =>
  withDirectory(async (directory) => {
    await loadRelayKeys(directory);
    await writeFile(join(directory, name), "damaged\n");
    await expect(loadRelayKeys(directory)).rejects.toMatchObject({ name: "Failure", code: "damaged" });
    expect(await readFile(join(directory, name), "utf8")).toBe("damaged\n");
  }),
);

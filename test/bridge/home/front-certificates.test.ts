import { createPrivateKey, randomBytes, X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { createFrontCertificates, renewLeaf } from "../../../bridge/home/front-certificates.ts";
import { createHome, homePaths } from "../../../bridge/home/home.ts";
import { openState } from "../../../bridge/home/state.ts";
import { Vault } from "../../../keyring/vault.ts";

test("a certificate whose key was written anew before a crash is issued again, and then left alone", async () => {
  const paths = homePaths(await mkdtemp(join(tmpdir(), "postern-certificates-")));
  await createHome(paths);
  const db = openState(paths, new Vault("test", randomBytes(32)));
  try {
    const now = Date.now();
    await createFrontCertificates(db, paths, now);
    expect(await renewLeaf(db, paths, now)).toBe(false);
    const old = await readFile(paths.tlsCertificate);
    await createLater(now);
    await writeFile(paths.tlsCertificate, old);

    expect(await renewLeaf(db, paths, now)).toBe(true);
    const certificate = new X509Certificate(await readFile(paths.tlsCertificate));
    expect(certificate.checkPrivateKey(createPrivateKey(await readFile(paths.tlsKey)))).toBe(true);
    expect(await renewLeaf(db, paths, now)).toBe(false);
  } finally {
    db.close();
    await rm(paths.home, { recursive: true });
  }

  /** A renewal, years from now: another key and another certificate. */
  async function createLater(now: number): Promise<void> {
    expect(await renewLeaf(db, paths, now + 20 * 365 * 24 * 3_600_000)).toBe(true);
  }
});

import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Database } from "../../foundation/database.ts";
import { writeFileDurably } from "../../foundation/durable-file.ts";
import { type CertifiedKey, createAuthority, issueLeaf, leafNeedsRenewal } from "../../keyring/certificate.ts";
import { exists, type HomePaths } from "./home.ts";

/**
 * Makes the certificate authority that mail programs trust, and a leaf for the fronts. The authority's key stays in the
 * vault; the leaf's key lies in the home, because the fronts speak TLS while the vault is still locked.
 * @returns the authority's certificate
 */
export async function createFrontCertificates(db: Database, paths: HomePaths, now: number): Promise<string> {
  const authority = await createAuthority({ now });
  await db.commit(() =>
    db.sqlite.prepare("INSERT INTO front_certificate VALUES (1, ?, ?)").run(authority.certificate, authority.key),
  );
  await writeFileDurably(paths.authority, authority.certificate, 0o644);
  await writeLeaf(paths, await issueLeaf(authority, { now }));
  return authority.certificate;
}

/**
 * Issues a new leaf where the present one ends soon, or is not of the key beside it because a crash came between the
 * two files; true if it did. Needs the open vault.
 */
export async function renewLeaf(db: Database, paths: HomePaths, now: number): Promise<boolean> {
  if (await leafServes(paths, now)) return false;
  const row = db.sqlite.prepare("SELECT authority, authority_key FROM front_certificate").get() as
    | { authority: string; authority_key: string }
    | undefined;
  if (row === undefined) throw new Error("the home has no certificate authority");
  await writeLeaf(paths, await issueLeaf({ certificate: row.authority, key: row.authority_key }, { now }));
  return true;
}

async function leafServes(paths: HomePaths, now: number): Promise<boolean> {
  if (!(await exists(paths.tlsCertificate)) || !(await exists(paths.tlsKey))) return false;
  const certificate = await readFile(paths.tlsCertificate, "utf8");
  const key = createPrivateKey(await readFile(paths.tlsKey, "utf8"));
  return new X509Certificate(certificate).checkPrivateKey(key) && !leafNeedsRenewal(certificate, now);
}

/** What the fronts present: the leaf with its authority behind it. */
export async function readFrontCertificate(paths: HomePaths): Promise<{ key: string; cert: string }> {
  const [key, certificate, authority] = await Promise.all(
    [paths.tlsKey, paths.tlsCertificate, paths.authority].map((path) => readFile(path, "utf8")),
  );
  return { key: key ?? "", cert: `${certificate}\n${authority}` };
}

async function writeLeaf(paths: HomePaths, leaf: CertifiedKey): Promise<void> {
  await writeFileDurably(paths.tlsKey, leaf.key);
  await writeFileDurably(paths.tlsCertificate, leaf.certificate, 0o644);
}

import { webcrypto } from "node:crypto";

/** What @peculiar/x509 exports. */
export type X509Library = Awaited<ReturnType<typeof loadX509>>;

/**
 * The library that reads and writes X.509 certificates (RFC 5280), with Node's cryptography behind it. Only who makes a
 * certificate, or needs what Node does not tell of one, calls this: loading takes about 0.15 s and 13 MB.
 */
export async function loadX509() {
  // The library's dependency injection refuses to load before it.
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  x509.cryptoProvider.set(webcrypto);
  return x509;
}

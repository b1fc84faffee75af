/** PEM texts; `key` is a PKCS #8 private key and a secret. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A new certificate authority for the fronts, valid for ten years; it can speak for localhost alone (name constraints). */
export async function createAuthority(_options: CertificateOptions): Promise<CertifiedKey> {
  throw new Error("not written");
}

/** A new leaf for localhost, 127.0.0.1 and ::1, valid for 397 days. The same CA may issue as many as needed. */
export async function issueLeaf(_authority: CertifiedKey, _options: CertificateOptions): Promise<CertifiedKey> {
  throw new Error("not written");
}

/** True from 30 days before the end, and where the clock stands before the beginning. */
export function leafNeedsRenewal(_certificatePem: string, _now: number): boolean {
  throw new Error("not written");
}

/** SHA-256 of the certificate, upper-case hexadecimal with colons, as mail programs show it. */
export function certificateFingerprint(_certificatePem: string): string {
  throw new Error("not written");
}

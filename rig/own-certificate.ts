import { execFileSync } from "node:child_process";

/** Writes a certificate for 127.0.0.1 signed by itself, in PEM, with its key. OpenSSL comes with Dovecot's and Postfix's packages. */
export function makeCertificate(certificate: string, key: string, commonName = "localhost"): void {
  const request = ["req", "-x509", "-nodes", "-days", "30", "-subj", `/CN=${commonName}`];
  const form = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...request, ...form, "-keyout", key, "-out", certificate], { stdio: "ignore" });
}

import { createHash, X509Certificate } from "node:crypto";
import { type ConnectionOptions, connect, type PeerCertificate } from "node:tls";
import { equalConstantTime } from "../../foundation/bytes.ts";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { Server, Trust } from "../accounts/account.ts";
import { LOOK_PATIENCE } from "../limits.ts";

/** TLS as every provider is spoken to: verified, always; a pinned certificate counts whatever name it has. */
export function tlsOptions({ ca, pin }: Trust): ConnectionOptions {
  const options: ConnectionOptions = {
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
  };
  return pin === undefined ? options : { ...options, ...pinned(pin) };
}

/** The pinned certificate, which `ca` has to hold, is itself the anchor, whoever signed it. */
function pinned(pin: string): ConnectionOptions & { readonly allowPartialTrustChain: boolean } {
  return {
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, certificate) =>
      isPinned(certificate, pin)
        ? undefined
        : Object.assign(new Error("another certificate than the pinned one"), { code: "PIN_MISMATCH" }),
  };
}

function isPinned({ raw }: PeerCertificate, pin: string): boolean {
  return equalConstantTime(createHash("sha256").update(raw).digest(), Buffer.from(pin, "hex"));
}

/** 64 hexadecimal digits, perhaps with colons. @throws Failure invalid */
export function parsePin(text: string): string {
  const pin = text.replaceAll(":", "").replaceAll(" ", "").toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(pin))
    throw new Failure("invalid", "a pin is the SHA-256 of the certificate: 64 hexadecimal digits");
  return pin;
}

const CERTIFICATE_CODES =
  /^(CERT_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_(VERIFY|GET)_|ERR_TLS_CERT|HOSTNAME_MISMATCH|INVALID_CA|PIN_MISMATCH)/;

/** Whether a connection failed because of who the server says that it is. */
export function isCertificateError(error: unknown): boolean {
  return certificateCode(error) !== undefined;
}

/** Libraries put an error into another one, or their own code over its code. */
function certificateCode(error: unknown): string | undefined {
  const codes = [error, causeOf(error)].flatMap((each) => {
    const { originalCode } = (each ?? {}) as { readonly originalCode?: unknown };
    return [errorCode(each), String(originalCode)];
  });
  return codes.find((code) => CERTIFICATE_CODES.test(code));
}

/** The certificate that an error about its names carries. */
function carriedBy(error: unknown): SeenCertificate | undefined {
  for (const each of [error, causeOf(error)]) {
    const { cert } = (each ?? {}) as { readonly cert?: { readonly raw?: unknown } };
    if (ArrayBuffer.isView(cert?.raw)) return describeCertificate(new X509Certificate(cert.raw as Uint8Array));
  }
  return undefined;
}

function causeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "cause" in error ? error.cause : undefined;
}

/** What a person is told of a server's certificate that is not to be trusted, with what can be done. */
export function certificateFailure(
  server: Pick<Server, "host" | "port" | "pin">,
  error: unknown,
  looked: SeenCertificate | undefined,
  kind: "imap" | "smtp",
): Failure {
  const code = certificateCode(error);
  const seen = looked ?? carriedBy(error);
  const place = `${server.host}:${server.port}`;
  const fingerprint = seen === undefined ? "" : ` (SHA-256 ${seen.fingerprint})`;
  const pin = `--${kind}-pin ${seen?.fingerprint ?? "SHA256"}`;
  // Of a pinned one it does not matter what is wrong with another.
  if (server.pin !== undefined && seen?.fingerprint !== server.pin)
    return new Failure(
      "forbidden",
      `${place} shows another certificate${fingerprint} than the pinned one, so nothing was sent: ask your provider whether it was renewed; somebody may stand in between`,
      { cause: error },
    );
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID" || code === "HOSTNAME_MISMATCH")
    return new Failure(
      "forbidden",
      `${place} shows a certificate that is for ${seen?.names.join(", ") || "another name"}, not for ${server.host}, so nothing was sent: use the server's real name, or, if your provider confirms the fingerprint${fingerprint}, ${pin}`,
      { cause: error },
    );
  if (code === "CERT_HAS_EXPIRED" || code === "CERT_NOT_YET_VALID")
    return new Failure(
      "forbidden",
      `the certificate of ${place} has ${code === "CERT_HAS_EXPIRED" ? "expired" : "not begun to be valid"}, so nothing was sent: look at this machine's clock, or tell your provider`,
      { cause: error },
    );
  return new Failure(
    "forbidden",
    `no authority that this machine trusts vouches for the certificate of ${place}${fingerprint} (${code}), so nothing was sent: if the server is your own, name its authority with --ca FILE, or take this certificate with ${pin}`,
    { cause: error },
  );
}

/** A pinned server that shows no certificate just now. */
export function unseen({ host, port }: Pick<Server, "host" | "port">): Failure {
  return new Failure(
    "unavailable",
    `${host}:${port} shows no certificate just now, so none can be compared with the pin`,
  );
}

export interface SeenCertificate {
  /** SHA-256, hexadecimal. */
  readonly fingerprint: string;
  readonly pem: string;
  readonly names: readonly string[];
}

/** Looks at a certificate without trusting it: only a handshake is made. Undefined where there is none to be seen. */
export async function seeCertificate(options: ConnectionOptions): Promise<SeenCertificate | undefined> {
  return await new Promise((resolve) => {
    const socket = connect({ ...options, rejectUnauthorized: false, checkServerIdentity: () => undefined });
    const timer = setTimeout(() => done(undefined), LOOK_PATIENCE);
    const done = (seen: SeenCertificate | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(seen);
    };
    socket.on("error", () => done(undefined));
    socket.once("secureConnect", () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) return done(undefined);
      done(describeCertificate(certificate));
    });
  });
}

function describeCertificate(certificate: X509Certificate): SeenCertificate {
  const names = (certificate.subjectAltName ?? "")
    .split(", ")
    .map((name) => name.replace(/^(DNS|IP Address):/, ""))
    .filter((name) => /^[\w.:*-]{1,255}$/.test(name))
    .slice(0, 5);
  return {
    fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
    pem: certificate.toString(),
    names,
  };
}

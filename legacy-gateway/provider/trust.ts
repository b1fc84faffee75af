import { createHash } from "node:crypto";
import { type ConnectionOptions, connect, type PeerCertificate } from "node:tls";
import { equalConstantTime } from "../../foundation/bytes.ts";
import { errorCode, Failure } from "../../foundation/failure.ts";
import type { Server, Trust } from "../accounts/account.ts";

/** Milliseconds for a look at the certificate of a server that was refused. */
const LOOK_PATIENCE = 10_000;

/** TLS as every provider is spoken to: verified, always; a pinned certificate counts whatever name it has. */
export function tlsOptions({ ca, pin }: Trust): ConnectionOptions {
  const options: ConnectionOptions = {
    minVersion: "TLSv1.2",
    rejectUnauthorized: true,
    ...(ca !== undefined && { ca }),
  };
  return pin === undefined ? options : { ...options, ...pinned(pin) };
}

/** The pinned certificate itself is the anchor, whoever signed it. */
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
  return CERTIFICATE_CODES.test(errorCode(error)) || CERTIFICATE_CODES.test(errorCode(causeOf(error)));
}

function causeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "cause" in error ? error.cause : undefined;
}

/** What a person is told of a server's certificate that is not to be trusted, with what can be done. */
export function certificateFailure(
  server: Pick<Server, "host" | "port">,
  error: unknown,
  seen: SeenCertificate | undefined,
): Failure {
  const code = CERTIFICATE_CODES.test(errorCode(error)) ? errorCode(error) : errorCode(causeOf(error));
  const place = `${server.host}:${server.port}`;
  const fingerprint = seen === undefined ? "" : ` (SHA-256 ${seen.fingerprint})`;
  const pin = seen === undefined ? "--pin SHA256" : `--pin ${seen.fingerprint}`;
  if (code === "PIN_MISMATCH")
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
      const names = (certificate.subjectAltName ?? "")
        .split(", ")
        .map((name) => name.replace(/^(DNS|IP Address):/, ""))
        .filter((name) => /^[\w.:*-]{1,255}$/.test(name))
        .slice(0, 5);
      done({
        fingerprint: certificate.fingerprint256.replaceAll(":", "").toLowerCase(),
        pem: certificate.toString(),
        names,
      });
    });
  });
}

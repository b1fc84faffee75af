import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { Failure } from "../../../foundation/failure.ts";
import { usualPort } from "../../../legacy-gateway/provider/usual-port.ts";
import type { GatewayServerRequest } from "../../operations/operations.ts";
import { wholeNumber } from "./whole-number.ts";

/** Octets of certificates: they travel to the running bridge in one request. */
const MAX_CA_FILE = 24 * 1024;

/** How a provider's servers are named and reached. */
export interface ServerOptions {
  readonly imapHost?: string;
  readonly imapPort?: string;
  readonly imapSecurity?: string;
  readonly imapPin?: string;
  readonly smtpHost?: string;
  readonly smtpPort?: string;
  readonly smtpSecurity?: string;
  readonly smtpPin?: string;
  readonly ca?: string;
  readonly proxy?: string;
  readonly direct?: boolean;
}

/** Of an account that is there already, what is not said stays; of a new one there are defaults. */
export function serverOptions(command: Command, account: "new" | "known"): Command {
  const unless = (text: string): string => (account === "new" ? ` (default: ${text})` : "");
  return command
    .option("--imap-host <host>", `the server that has the letters${unless("the address's domain is asked")}`)
    .option("--imap-port <port>", `its port${unless("993, or 143 with starttls")}`)
    .option("--imap-security <way>", `tls, starttls, or none (on this machine alone)${unless("tls")}`)
    .option("--imap-pin <sha256>", "trust this one certificate, whatever name it has")
    .option("--smtp-host <host>", "the server that takes letters; without it nothing is sent from this address")
    .option("--smtp-port <port>", `its port${unless("465, or 587 with starttls")}`)
    .option("--smtp-security <way>", `tls, starttls, or none (on this machine alone)${unless("tls")}`)
    .option("--smtp-pin <sha256>", "trust this one certificate, whatever name it has")
    .option("--ca <file>", "certificates (PEM) to trust instead of the system's")
    .option("--proxy <url>", `reach the provider through this SOCKS5 proxy${unless("the proxy of [overlay]")}`)
    .option("--direct", "reach the provider without any proxy");
}

/** What was said of a server; undefined where nothing was. @throws Failure invalid */
export function namedServer(kind: "imap" | "smtp", options: ServerOptions): Partial<GatewayServerRequest> | undefined {
  const [host, security, port, pin] =
    kind === "imap"
      ? [options.imapHost, options.imapSecurity, options.imapPort, options.imapPin]
      : [options.smtpHost, options.smtpSecurity, options.smtpPort, options.smtpPin];
  if (!isSecurity(security)) throw new Failure("invalid", `--${kind}-security is tls, starttls or none`);
  const named = {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port: wholeNumber(`--${kind}-port`, port) }),
    ...(security !== undefined && { security }),
    ...(pin !== undefined && { pin }),
  };
  return Object.keys(named).length === 0 ? undefined : named;
}

function isSecurity(text: string | undefined): text is GatewayServerRequest["security"] | undefined {
  return text === undefined || text === "tls" || text === "starttls" || text === "none";
}

/** A server that is named for the first time, with the usual ports. */
export function wholeServer(
  kind: "imap" | "smtp",
  options: ServerOptions,
  ca: string | undefined,
): GatewayServerRequest | undefined {
  const { host, security = "tls", ...rest } = namedServer(kind, options) ?? {};
  if (host === undefined) return undefined;
  return { port: usualPort(kind, security), ...rest, host, security, ...(ca !== undefined && { ca }) };
}

/** @throws Failure nonexistent, invalid */
export async function readCertificates(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const pem = await readFile(path, "utf8").catch((cause: unknown) => {
    throw new Failure("nonexistent", `${path} cannot be read`, { cause });
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----") || pem.length > MAX_CA_FILE)
    throw new Failure("invalid", `${path} holds no certificate in PEM, or too many`);
  return pem;
}

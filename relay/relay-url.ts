import { Failure } from "../foundation/failure.ts";

/** Where a relay is and how it is known. */
export interface RelayAddress {
  /** A host name, an IPv4 address, or an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** SHA-256 of the SubjectPublicKeyInfo of the relay's certificate: 32 bytes. */
  readonly pin: Buffer;
  /** Lets its holder create queues and slots: 32 bytes. A secret; contacts get the address without it. */
  readonly token?: Buffer;
}

const HOST = /^(?:[a-z0-9](?:[a-z0-9.-]{0,252})|\[[0-9a-f:.]{2,45}\])$/i;

/**
 *     relay-url = "postern-relay://" [ token "@" ] host ":" port "/" pin
 *     token     = 43 base64url characters (32 bytes, RFC 4648 section 5, no padding)
 *     pin       = 43 base64url characters (32 bytes)
 *
 * @throws Failure("invalid"), whose text repeats nothing of the input
 */
export function parseRelayUrl(text: string): RelayAddress {
  const match = /^postern-relay:\/\/(?:([^@/]*)@)?([^@/]+):([0-9]{1,5})\/([^/]*)$/.exec(text.trim());
  if (match === null)
    throw invalid(
      "it should look like postern-relay://TOKEN@HOST:PORT/PIN; copy the whole line that the relay printed",
    );
  const [, token, host = "", portText = "", pin = ""] = match;
  if (!HOST.test(host)) throw invalid("the host name is not one");
  const port = Number(portText);
  if (port < 1 || port > 65_535) throw invalid("the port is not between 1 and 65535");
  const address = { host: host.replace(/^\[|\]$/g, "").toLowerCase(), port, pin: secret32(pin, "pin at its end") };
  return token === undefined ? address : { ...address, token: secret32(token, "token before the @") };
}

/** The text that parseRelayUrl takes; it holds the token if the address does. */
export function formatRelayUrl(relay: RelayAddress): string {
  const host = relay.host.includes(":") ? `[${relay.host}]` : relay.host;
  const token = relay.token === undefined ? "" : `${relay.token.toString("base64url")}@`;
  return `postern-relay://${token}${host}:${relay.port}/${relay.pin.toString("base64url")}`;
}

/** The address as contacts get it. */
export function withoutToken(relay: RelayAddress): RelayAddress {
  return { host: relay.host, port: relay.port, pin: relay.pin };
}

function secret32(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length !== 32 || bytes.toString("base64url") !== text)
    throw invalid(`the ${what} is incomplete or has a wrong character; it has 43 letters, digits, - and _`);
  return bytes;
}

function invalid(why: string): Failure {
  return new Failure("invalid", `this is not a relay address: ${why}`);
}

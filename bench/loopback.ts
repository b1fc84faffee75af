/** What TLS on loopback allows, and how much went over it. */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:tls";
import { loadRelayKeys } from "../relay/relay-keys.ts";
import { BLOCK_SIZE } from "../relay/wire/block.ts";

/** Blocks of 16 KB a second that go over one TLS connection, both ends in this process; the server's keys are made in the folder. */
export async function blocksOverTls(folder: string, blocks: number): Promise<number> {
  const keys = await loadRelayKeys(folder);
  const server = createServer({ key: keys.privateKey, cert: keys.certificate, minVersion: "TLSv1.3" });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const arrived = new Promise<void>((resolve) => {
    server.on("secureConnection", (socket) => {
      let octets = 0;
      socket.on("data", (piece: Buffer) => {
        octets += piece.length;
        if (octets >= blocks * BLOCK_SIZE) resolve();
      });
    });
  });
  const client = connect({ port, host: "127.0.0.1", rejectUnauthorized: false });
  await once(client, "secureConnect");
  const block = randomBytes(BLOCK_SIZE);
  const started = performance.now();
  for (let sent = 0; sent < blocks; sent++) if (!client.write(block)) await once(client, "drain");
  await arrived;
  const speed = (blocks * 1000) / (performance.now() - started);
  client.destroy();
  server.close();
  return speed;
}

/** Octets that went over all open connections of a port so far, towards it and from it; undefined where the system does not say. */
export function wireOctets(port: number): { in: number; out: number } | undefined {
  try {
    const sockets = execFileSync("ss", ["-tinH", "sport", "=", `:${port}`], { encoding: "utf8" });
    const sum = (name: string): number =>
      [...sockets.matchAll(new RegExp(`${name}:(\\d+)`, "g"))].reduce((total, match) => total + Number(match[1]), 0);
    return { in: sum("bytes_received"), out: sum("bytes_sent") };
  } catch {
    return undefined;
  }
}

/** Says how much more went over the wire than what was carried, both in octets. */
export function overhead(wire: number | undefined, carried: number): string {
  return wire === undefined ? "not measured: there is no ss" : `${((wire / carried - 1) * 100).toFixed(1)} %`;
}

/** The port in a relay's URL. */
export function relayPort(url: string): number {
  return Number(new URL(url.replace("postern-relay:", "http:")).port);
}

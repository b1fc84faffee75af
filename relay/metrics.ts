import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Failure } from "../foundation/failure.ts";
import type { Relay } from "./relay.ts";

/** What a gauge says of the moment it is asked in. */
const GAUGES = {
  connections: "connections whose TLS handshake is done",
  readers: "queues that a connection reads",
  queues: "queues",
  cells: "cells that wait for their readers",
  slots: "slots of invites",
  blobs: "blobs, those on their way included",
  octets: "octets of all cells and blobs, against the quota",
} as const;

const TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Counts of a relay in the text format of Prometheus, version 0.0.4: no address, no id, no name of a token. */
export function formatMetrics(relay: Pick<Relay, "counts" | "counters">): string {
  const counts = relay.counts();
  const lines: string[] = [];
  const add = (name: string, kind: "gauge" | "counter", help: string, value: number): void => {
    lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`, `${name} ${value}`);
  };
  for (const [name, help] of Object.entries(GAUGES))
    add(`postern_relay_${name}`, "gauge", help, counts[name as keyof typeof GAUGES]);
  for (const { name, help, value } of relay.counters) add(`postern_relay_${name}_total`, "counter", help, value);
  add("process_resident_memory_bytes", "gauge", "resident memory", process.memoryUsage.rss());
  const { user, system } = process.cpuUsage();
  add("process_cpu_seconds_total", "counter", "processor time", (user + system) / 1e6);
  return `${lines.join("\n")}\n`;
}

export interface MetricsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** Serves `GET /metrics`. The host is the caller's to choose: there is no login, so only loopback will do. @throws Failure busy, invalid */
export async function serveMetrics(relay: Relay, host: string, port: number): Promise<MetricsServer> {
  const server = createServer((request, response) => {
    if (request.url !== "/metrics") response.writeHead(404).end();
    else if (request.method !== "GET") response.writeHead(405, { allow: "GET" }).end();
    else response.writeHead(200, { "content-type": TYPE }).end(formatMetrics(relay));
  });
  await startListening(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function startListening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const code = error.code === "EADDRINUSE" ? "busy" : "invalid";
      reject(new Failure(code, `metrics cannot be served on ${host}:${port}: choose another port`, { cause: error }));
    });
    server.listen(port, host, resolve);
  });
}

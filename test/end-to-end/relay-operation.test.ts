import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { parseRelayUrl, type RelayAddress } from "../../relay/relay-url.ts";
import { type CommandResult, PosternServer, postern } from "../../rig/postern-process.ts";
import { cellOf, newQueue } from "../relay/fixtures.ts";
import { RawClient } from "../relay/raw-client.ts";

let scratch: string;
let relay: PosternServer;
const clients: RawClient[] = [];

const directory = (): string => join(scratch, "relay");
const token = (...args: string[]): Promise<CommandResult> =>
  postern(scratch, "relay", "token", ...args, "--home", directory(), "--json");

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-relay-"));
  const args = ["--home", directory(), "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"];
  relay = await PosternServer.start(scratch, "relay", ...args);
}, 60_000);

afterAll(async () => {
  for (const client of clients) await client.close();
  await relay.stop();
  rmSync(scratch, { recursive: true });
});

async function connect(address: RelayAddress): Promise<RawClient> {
  const client = await RawClient.connect(address);
  clients.push(client);
  return client;
}

test("a token is issued, used, shown and taken back while the relay runs", async () => {
  const added = await token("add", "ann", "--queues", "2", "--octets", "1 GB");
  const address = parseRelayUrl((JSON.parse(added.stdout) as { url: string }).url);
  expect(address).toMatchObject({ pin: parseRelayUrl(String(relay.ready["url"])).pin });
  const own = address.token ?? Buffer.alloc(0);
  const ann = await connect(address);
  const queue = newQueue();
  expect(await ann.create(queue, own)).toEqual({ kind: "ok" });
  expect(await ann.create(newQueue(), own)).toEqual({ kind: "ok" });
  expect(await ann.create(newQueue(), own)).toEqual({ kind: "refused", reason: "full" });
  await ann.send(queue, cellOf(1));

  expect((await token("add", "ann")).status).toBe(7);
  expect((await token("add", "no names with blanks")).status).toBe(2);
  expect((await token("revoke", "ann")).status).toBe(0);
  expect((await token("revoke", "ann")).status).toBe(6);
  expect(await ann.create(newQueue(), own)).toEqual({ kind: "refused", reason: "forbidden" });
  const { tokens } = JSON.parse((await token("list")).stdout) as { tokens: Record<string, unknown>[] };
  expect(tokens).toMatchObject([
    { name: "own", usedQueues: 0 },
    { name: "ann", queues: 2, octets: 1e9, usedQueues: 2, usedOctets: 16_256, revokedAt: expect.any(Number) },
  ]);
}, 60_000);

test("the metrics count what happened, and neither they nor the log say where, who or what", async () => {
  const address = parseRelayUrl(String(relay.ready["url"]));
  const bob = await connect(address);
  const queue = newQueue();
  await bob.create(queue, address.token ?? Buffer.alloc(0));
  await bob.subscribe(queue, 5);
  await bob.send(queue, cellOf(1));
  await bob.push();
  const metrics = await fetch(`http://127.0.0.1:${String(relay.ready["metrics"])}/metrics`);
  expect(metrics.headers.get("content-type")).toContain("version=0.0.4");
  const text = await metrics.text();
  expect(text).toMatch(/^# TYPE postern_relay_readers gauge\npostern_relay_readers 1$/m);
  expect(text).toMatch(/^# TYPE postern_relay_cells_sent_total counter\npostern_relay_cells_sent_total 1$/m);
  for (const line of text.trimEnd().split("\n"))
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ [^{}]+|[a-z_]+ [0-9.]+)$/);
  const other = await fetch(`http://127.0.0.1:${String(relay.ready["metrics"])}/`);
  expect(other.status).toBe(404);

  const secrets = [queue.recipientId, queue.senderId, queue.senderKey, address.token ?? Buffer.alloc(32)];
  const told = `${text}${relay.log}`;
  expect(told).toContain("relay started");
  for (const secret of secrets)
    for (const encoding of ["hex", "base64", "base64url"] as const)
      expect(told).not.toContain(secret.toString(encoding));
  expect(told).not.toContain("127.0.0.1");
  expect(told).not.toContain("ann");
}, 60_000);

test("the systemd service is one that systemd accepts, and runs the relay as it was asked for", async () => {
  const { stdout, status } = await postern(scratch, "relay", "--listen", "0.0.0.0:443", "--systemd-unit");
  expect(status).toBe(0);
  expect(stdout).toMatch(/^ExecStart=\/.*main\.js relay --home \/var\/lib\/postern-relay --listen 0\.0\.0\.0:443$/m);
  expect(stdout).toContain("AmbientCapabilities=CAP_NET_BIND_SERVICE\n");
  const path = join(scratch, "postern-relay.service");
  writeFileSync(path, stdout);
  const verified = await new Promise<string>((resolve) => {
    execFile("systemd-analyze", ["verify", path], (error, _stdout, stderr) =>
      // Where there is no systemd, there is nobody to ask.
      resolve(error?.code === "ENOENT" ? "" : `${error === null ? "" : error.message}${stderr}`),
    );
  });
  expect(verified).toBe("");
}, 60_000);

test("metrics are served on loopback alone", async () => {
  const { status, stderr } = await postern(scratch, "relay", "--metrics", "0.0.0.0:9523");
  expect(status).toBe(2);
  expect(stderr).toContain("--metrics");
});

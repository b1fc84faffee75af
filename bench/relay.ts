/**
 * Measures a relay alone, as the built program on loopback with fsync on: cells in and out, many queues, many
 * connections. The machine's own limits are measured in the same run.
 */
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_LIMITS } from "../relay/limits.ts";
import { parseRelayUrl, type RelayAddress } from "../relay/relay-url.ts";
import { CELL_SIZE } from "../relay/wire/cell.ts";
import { PosternServer } from "../rig/postern-process.ts";
import { readArguments, wholeNumber } from "./arguments.ts";
import { perSecond, probeMachine } from "./machine.ts";
import { processorTime, residentMemory } from "./process-figures.ts";
import { type BenchQueue, WireClient } from "./relay-wire.ts";
import { percentile, row } from "./report.ts";

const HELP = `npm run bench:relay -- [options]
  --queues N        so many queues (100000)
  --connections N   so many connections that subscribe (10000); \`ulimit -n\` bounds them
  --seconds N       how long each rate is measured (5)
  --json            a JSON object a line`;

const values = readArguments(HELP, {
  queues: { type: "string", default: "100000" },
  connections: { type: "string", default: "10000" },
  seconds: { type: "string", default: "5" },
  json: { type: "boolean", default: false },
});
const many = {
  queues: wholeNumber("queues", values.queues, 1, 1_000_000),
  connections: wholeNumber("connections", values.connections, 1, 50_000),
};
const span = wholeNumber("seconds", values.seconds, 1, 600) * 1_000;
const report = row(values.json);
const scratch = mkdtempSync(join(tmpdir(), "postern-bench-relay-"));
const cell = randomBytes(CELL_SIZE);

/** Commands that one connection has under way: what the relay takes at once. */
const WINDOW = 128;
const CREDIT = 1_000_000;
/** Cells that a queue takes before it is full. */
const FULL = Math.floor(DEFAULT_LIMITS.queueOctets / CELL_SIZE);

function newQueue(): BenchQueue {
  return {
    recipientId: randomBytes(24),
    recipientSeed: randomBytes(32),
    senderId: randomBytes(24),
    senderKey: randomBytes(32),
  };
}

/** Calls the work over and over for the span, so many times at once, and so often at most; how often a second. */
async function rate(atOnce: number, most: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  let begun = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    for (; performance.now() - started < span && begun++ < most; done++) await work();
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return (done * 1_000) / (performance.now() - started);
}

/** The work for each of many numbers, some at once. */
async function forEach(count: number, atOnce: number, work: (n: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** The least of some readings, in octets: what stays once garbage is collected. */
async function settledMemory(pid: number): Promise<number> {
  const readings: number[] = [];
  for (let n = 0; n < 6; n++) {
    await new Promise((resolve) => setTimeout(resolve, 500));
    readings.push(residentMemory(pid) * 1_048_576);
  }
  return Math.min(...readings);
}

const megabytes = (octetsPerSecond: number): string => `${(octetsPerSecond / 1e6).toFixed(0)} MB/s`;
const perSecondText = (cells: number): string => `${cells.toFixed(0)}/s, ${megabytes(cells * CELL_SIZE)}`;

async function measureCells(address: RelayAddress, pid: number): Promise<void> {
  const token = tokenOf(address);
  for (const connections of [1, 8]) {
    const clients = await Promise.all(Array.from({ length: connections }, () => WireClient.connect(address)));
    const queues = await Promise.all(
      clients.map(async (client) => {
        const queue = newQueue();
        await client.create(queue, token);
        return queue;
      }),
    );
    const before = processorTime(pid);
    const sent = Array.from({ length: connections }, () => 0);
    const rates = await Promise.all(
      clients.map((client, at) =>
        rate(WINDOW, FULL, async () => {
          sent[at] = (sent[at] ?? 0) + 1;
          await client.send(queues[at] as BenchQueue, cell);
        }),
      ),
    );
    const total = rates.reduce((sum, one) => sum + one, 0);
    const expected = sent.reduce((sum, one) => sum + one, 0);
    const cost = ((processorTime(pid) - before) * 1e3) / expected;
    report(
      `cells in, ${connections} connection${connections === 1 ? "" : "s"}`,
      `${perSecondText(total)} (${cost.toFixed(0)} us of the relay's processor each)`,
    );
    const readers = await Promise.all(Array.from({ length: connections }, () => WireClient.connect(address)));
    let got = 0;
    const started = performance.now();
    await new Promise<void>((resolve) => {
      readers.forEach((reader, at) => {
        let unacknowledged = 1;
        reader.onCell = (seq) => {
          if (seq % WINDOW === 0) {
            void reader.acknowledge(queues[at] as BenchQueue, unacknowledged, seq);
            unacknowledged = seq + 1;
          }
          if (++got === expected) resolve();
        };
        void reader.subscribe(queues[at] as BenchQueue, CREDIT);
      });
    });
    const out = (got * 1_000) / (performance.now() - started);
    report(`cells out and acknowledged, ${connections} connection${connections === 1 ? "" : "s"}`, perSecondText(out));
    for (const client of [...clients, ...readers]) client.close();
  }
}

async function measureLatency(queue: BenchQueue, sender: WireClient, reader: WireClient): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < 300; n++) {
    const started = performance.now();
    const came = new Promise<void>((resolve) => {
      reader.onCell = () => resolve();
    });
    await Promise.all([sender.send(queue, cell), came]);
    times.push(performance.now() - started);
  }
  return times;
}

const figures = (times: readonly number[]): string =>
  `median ${percentile(times, 50).toFixed(1)} ms, 99th percentile ${percentile(times, 99).toFixed(1)} ms`;

async function main(): Promise<void> {
  report("machine", `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}`);
  for (const [name, value] of probeMachine(scratch)) report(name, value);
  const key = randomBytes(32);
  const macs = perSecond(() => void createHmac("sha256", key).update(cell).digest());
  report("limit: MACs of a cell", `${macs.toFixed(0)}/s`);

  await withRelay("cells", async ({ address, pid }) => {
    const [reader, sender] = [await WireClient.connect(address), await WireClient.connect(address)];
    const watched = newQueue();
    await reader.create(watched, tokenOf(address));
    await reader.subscribe(watched, CREDIT);
    report("one cell at a time, sent to pushed", figures(await measureLatency(watched, sender, reader)));
    await measureCells(address, pid);
    for (const client of [reader, sender]) client.close();
  });
  // Fresh processes, so that what was needed before does not hide what is needed now.
  const queues = Array.from({ length: many.queues }, newQueue);
  await withRelay("many", (running) => measureQueues(running, queues));
  await withRelay("many", (running) => measureConnections(running, queues));
}

interface Running {
  readonly address: RelayAddress;
  readonly pid: number;
  readonly home: string;
}

async function withRelay(name: string, work: (running: Running) => Promise<void>): Promise<void> {
  const home = join(scratch, name);
  const bounds = ["--connections", String(many.connections + 100), "--queues", String(many.queues + 1_000)];
  const place = ["--home", home, "--listen", "127.0.0.1:0"];
  const relay = await PosternServer.start(scratch, "relay", ...place, ...bounds, "--per-hour", "100000000");
  try {
    await work({ address: parseRelayUrl(String(relay.ready["url"])), pid: relay.pid, home });
  } finally {
    await relay.stop();
  }
}

const tokenOf = (address: RelayAddress): Buffer => address.token ?? Buffer.alloc(0);

async function measureQueues({ address, pid, home }: Running, queues: readonly BenchQueue[]): Promise<void> {
  const empty = await settledMemory(pid);
  const makers = await Promise.all([1, 2, 3, 4].map(() => WireClient.connect(address)));
  const started = performance.now();
  await forEach(queues.length, 4 * WINDOW, (n) =>
    (makers[n % makers.length] as WireClient).create(queues[n] as BenchQueue, tokenOf(address)),
  );
  report(`${queues.length} queues made`, `${((queues.length * 1_000) / (performance.now() - started)).toFixed(0)}/s`);
  for (const client of makers) client.close();
  const filled = await settledMemory(pid);
  const each = ((filled - empty) / queues.length).toFixed(0);
  report(
    "memory per queue",
    `${each} octets (${(filled / 1e6).toFixed(0)} MB in all, ${(empty / 1e6).toFixed(0)} before)`,
  );
  report("disk per queue", `${(statSync(join(home, "relay.db")).size / queues.length).toFixed(0)} octets`);
}

async function measureConnections({ address, pid }: Running, queues: readonly BenchQueue[]): Promise<void> {
  const count = many.connections;
  const before = await settledMemory(pid);
  const started = performance.now();
  const readers: WireClient[] = [];
  await forEach(count, 16, async (n) => {
    const reader = await WireClient.connect(address);
    await reader.subscribe(queues[n % queues.length] as BenchQueue, CREDIT);
    readers[n] = reader;
  });
  report(`${count} connections that subscribed`, `${((count * 1_000) / (performance.now() - started)).toFixed(0)}/s`);
  const connected = await settledMemory(pid);
  const each = ((connected - before) / count / 1_024).toFixed(1);
  report(
    "memory per connection",
    `${each} KiB (${(connected / 1e6).toFixed(0)} MB in all, ${(before / 1e6).toFixed(0)} before)`,
  );
  const idle = processorTime(pid);
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  report("processor while all are idle", `${((processorTime(pid) - idle) / 50).toFixed(1)} % of a core`);
  const sender = await WireClient.connect(address);
  const times = await measureLatency(queues[0] as BenchQueue, sender, readers[0] as WireClient);
  report("one cell at a time, with all of them connected", figures(times));
  for (const client of [...readers, sender]) client.close();
}

try {
  await main();
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

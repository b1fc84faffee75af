/**
 * Measures one large attachment with the built program: two bridges and a relay as processes on loopback, fsync on, beside
 * what the machine allows for each thing that happens on the way. Everything is bounded and stops what it starts.
 */
import { createHash, randomBytes } from "node:crypto";
import { closeSync, fdatasyncSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seal } from "../foundation/seal.ts";
import { BLOCK_SIZE } from "../relay/wire/block.ts";
import { formatLetter } from "../rig/letters.ts";
import { readArguments, wholeNumber } from "./arguments.ts";
import { idlingInbox } from "./inbox-watch.ts";
import { blocksOverTls, overhead, relayPort, wireOctets } from "./loopback.ts";
import { perSecond } from "./machine.ts";
import { peakMemory } from "./process-figures.ts";
import { percentile, row } from "./report.ts";
import { SmtpSession } from "./smtp-session.ts";
import { twoPeople } from "./two-people.ts";

const HELP = `npm run bench:attachment -- [options]
  --runs N   the median of so many letters (5)
  --json     a JSON object a line`;

const values = readArguments(HELP, {
  runs: { type: "string", default: "5" },
  json: { type: "boolean", default: false },
});
const runs = wholeNumber("runs", values.runs, 1, 100);
const report = row(values.json);
const MEBIBYTE = 1_048_576;
/** Octets of the attachment. */
const SIZE = 25 * MEBIBYTE;
const CHUNK = 16_190;

const scratch = mkdtempSync(join(tmpdir(), "postern-bench-"));
const undo: (() => Promise<void>)[] = [];

function megabytes(octets: number, milliseconds: number): string {
  return `${(octets / 1000 / milliseconds).toFixed(0)} MB/s`;
}

/** A letter whose attachment has that size; its lines are those that mail programs make. */
function letter(from: string): Buffer {
  const body = randomBytes(SIZE)
    .toString("base64")
    .replace(/(.{76})/g, "$1\r\n");
  return formatLetter(
    {
      From: from,
      To: "bob@postern.alt",
      Subject: "bench",
      "Message-ID": `<${randomBytes(9).toString("hex")}@bench>`,
      "Content-Type": "application/octet-stream",
      "Content-Transfer-Encoding": "base64",
    },
    `${body}\r\n`,
  );
}

/** What each thing on the way could do at most, alone. */
async function limits(): Promise<void> {
  const key = randomBytes(32);
  const chunk = randomBytes(CHUNK);
  const sealed = perSecond(() => void seal(key, Buffer.alloc(12), chunk));
  report("limit: chunks of 16 KB sealed (ChaCha20-Poly1305)", megabytes(sealed * CHUNK, 1000));
  const hash = createHash("sha256");
  report("limit: SHA-256", megabytes(perSecond(() => void hash.update(chunk)) * CHUNK, 1000));
  const file = openSync(join(scratch, "probe"), "w");
  const block = randomBytes(MEBIBYTE);
  const writing = performance.now();
  for (let at = 0; at < SIZE; at += MEBIBYTE) writeSync(file, block);
  fdatasyncSync(file);
  report("limit: 25 MiB written and synced", megabytes(SIZE, performance.now() - writing));
  closeSync(file);
  const blocks = SIZE / BLOCK_SIZE;
  const speed = (await blocksOverTls(scratch, blocks)) * BLOCK_SIZE;
  report("limit: TLS on loopback in blocks of 16 KB, both ends in one process", megabytes(speed, 1000));
}

try {
  await limits();
  const { relay, alice, bob } = await twoPeople(scratch, undo);
  const inbox = await idlingInbox(bob, undo);
  const envelope = { from: alice.account.address, to: "bob@postern.alt" };
  const session = await SmtpSession.open(alice);
  const port = relayPort(relay.url);

  const before = [alice, bob].map(({ bridge }) => peakMemory(bridge.pid));
  const times: { submitted: number; delivered: number; afterData: number; whole: number }[] = [];
  const wire: { in: number; out: number }[] = [];
  for (let run = 0; run < runs; run++) {
    const content = letter(envelope.from);
    const start = wireOctets(port);
    const arrival = inbox.until(inbox.count() + 1).then(() => performance.now());
    const began = performance.now();
    const { dataEnded, acknowledged } = await session.send(envelope, content);
    const arrived = await arrival;
    times.push({
      submitted: acknowledged - began,
      delivered: arrived - acknowledged,
      afterData: arrived - dataEnded,
      whole: arrived - began,
    });
    const end = wireOctets(port);
    if (start !== undefined && end !== undefined) wire.push({ in: end.in - start.in, out: end.out - start.out });
  }
  await session.close();
  const median = (name: keyof (typeof times)[number]): number =>
    percentile(
      times.map((one) => one[name]),
      50,
    );
  report("25 MiB attachment: submitted durably (first octet to 250)", megabytes(SIZE, median("submitted")));
  report("25 MiB attachment: from the 250 to the recipient's EXISTS", megabytes(SIZE, median("delivered")));
  report("25 MiB attachment: from the end of DATA to EXISTS", `${median("afterData").toFixed(0)} ms`);
  report("25 MiB attachment: from the first octet to EXISTS", megabytes(SIZE, median("whole")));
  const wireOverhead = (octets: readonly number[]): string =>
    `${overhead(octets.length === 0 ? undefined : percentile(octets, 50), SIZE)} over the attachment's octets`;
  report("25 MiB attachment: on the wire to the relay", wireOverhead(wire.map((one) => one.in)));
  report("25 MiB attachment: on the wire from the relay", wireOverhead(wire.map((one) => one.out)));
  for (const [at, person] of [alice, bob].entries())
    report(
      `most memory of ${person.name}'s bridge, before and after`,
      `${before[at]?.toFixed(0)} MB, ${peakMemory(person.bridge.pid).toFixed(0)} MB`,
    );
  report("most memory of the relay", `${peakMemory(relay.pid).toFixed(0)} MB`);
} finally {
  for (const action of undo.toReversed()) await action().catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}

/**
 * Measures the main path with the built program: two bridges and a relay as processes on loopback, fsync on. Everything
 * is bounded and stops what it starts.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { formatLetter } from "../rig/letters.ts";
import { readArguments, wholeNumber } from "./arguments.ts";
import { Prose } from "./imap/corpus/prose.ts";
import { Random } from "./imap/corpus/random.ts";
import { idlingInbox } from "./inbox-watch.ts";
import { blocksOverTls, overhead, relayPort, wireOctets } from "./loopback.ts";
import { probeMachine } from "./machine.ts";
import { processorTime, residentMemory } from "./process-figures.ts";
import { ratchetSpeed } from "./ratchet.ts";
import { percentile, row } from "./report.ts";
import { SmtpSession } from "./smtp-session.ts";
import { twoPeople } from "./two-people.ts";

const HELP = `npm run bench -- [options]
  --letters N   so many letters in all; the last of them find everything warm (10000)
  --json        a JSON object a line`;

const values = readArguments(HELP, {
  letters: { type: "string", default: "10000" },
  json: { type: "boolean", default: false },
});
const total = wholeNumber("letters", values.letters, 1, 1_000_000);
const report = row(values.json);
/** Letters whose ways are timed, one after another; the first of them only warm. */
const SENT = 320;
/** Connections at once, as many as a mail server that hands on everything it has; the bridge takes 50. */
const MANY = 40;
const WARMING = 20;

const scratch = mkdtempSync(join(tmpdir(), "postern-bench-"));
const undo: (() => Promise<void>)[] = [];

const random = new Random(1);
const prose = new Prose(random);

/** A letter of about that size: text as people write it, or from 64 KB on a file in base64. */
function letter(from: string, size: number): Buffer {
  const isFile = size >= 65_536;
  const body = isFile
    ? randomBytes(Math.ceil(size * 0.73))
        .toString("base64")
        .replace(/(.{76})/g, "$1\r\n")
    : prose
        .text(random, size - 300, false)
        .map(({ text }) => `${text}\r\n`)
        .join("");
  return formatLetter(
    {
      From: from,
      To: "bob@postern.alt",
      Subject: `bench ${prose.word(random)} ${prose.word(random)}`,
      "Message-ID": `<${randomBytes(9).toString("hex")}@bench>`,
      ...(isFile
        ? { "Content-Type": "application/octet-stream", "Content-Transfer-Encoding": "base64" }
        : { "Content-Type": "text/plain; charset=utf-8" }),
    },
    `${body}\r\n`,
  );
}

try {
  report("machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, node ${process.version}`);
  for (const [name, value] of probeMachine(scratch)) report(name, value);
  const { encrypted, decrypted } = await ratchetSpeed();
  report(
    "limit: libsignal, messages encrypted / decrypted",
    `${encrypted.toFixed(0)} / ${decrypted.toFixed(0)} a second`,
  );
  report("limit: cells over TLS on loopback", `${(await blocksOverTls(scratch, 4000)).toFixed(0)}/s`);

  const { relay, alice, bob } = await twoPeople(scratch, undo);
  const starts: number[] = [];
  for (let run = 0; run < 5; run++) {
    await alice.stop();
    starts.push((await alice.start()).startedIn);
  }
  report("start to ready, later starts (median of 5)", `${percentile(starts, 50).toFixed(0)} ms`);
  report("memory at rest, after the start", `${residentMemory(alice.bridge.pid).toFixed(0)} MB`);

  const inbox = await idlingInbox(bob, undo);
  const envelope = { from: alice.account.address, to: "bob@postern.alt" };

  const session = await SmtpSession.open(alice);
  const port = relayPort(relay.url);
  const wire = wireOctets(port);
  const latencies: { submission: number; delivery: number }[] = [];
  for (let sent = 0; sent < SENT; sent++) {
    const arrival = inbox.until(inbox.count() + 1).then(() => performance.now());
    const { dataEnded, acknowledged } = await session.send(envelope, letter(envelope.from, 4096));
    const arrived = await arrival;
    if (sent >= WARMING) latencies.push({ submission: acknowledged - dataEnded, delivery: arrived - dataEnded });
  }
  const wireAfter = wireOctets(port);
  await session.close();
  const submission = latencies.map((one) => one.submission);
  const delivery = latencies.map((one) => one.delivery);
  report("4 KB, from the end of DATA to its 250, median", `${percentile(submission, 50).toFixed(1)} ms`);
  report(
    "4 KB, from the end of DATA to the recipient's IDLE EXISTS, median",
    `${percentile(delivery, 50).toFixed(1)} ms`,
  );
  report("4 KB, the same, 99th percentile", `${percentile(delivery, 99).toFixed(1)} ms`);

  for (const [way, name] of [
    ["in", "to the relay"],
    ["out", "from the relay"],
  ] as const) {
    const octets = wire && wireAfter && wireAfter[way] - wire[way];
    report(`4 KB, on the wire ${name}, receipts too, over the letter`, overhead(octets, SENT * 4096));
  }

  /** Submits so many letters over so many connections, and waits until the last is told to the recipient. */
  const submitMany = async (size: number, connections: number, count: number): Promise<[number, number]> => {
    const before = inbox.count();
    const letters = Array.from({ length: Math.min(count, 500) }, () => letter(envelope.from, size));
    const sessions = await Promise.all(Array.from({ length: connections }, () => SmtpSession.open(alice)));
    const started = performance.now();
    let next = 0;
    await Promise.all(
      sessions.map(async (one) => {
        while (next < count) await one.send(envelope, letters[next++ % letters.length] as Buffer);
      }),
    );
    const submitted = performance.now() - started;
    await inbox.until(before + count);
    const delivered = performance.now() - started;
    await Promise.all(sessions.map((one) => one.close()));
    return [(count * 1000) / submitted, (count * 1000) / delivered];
  };

  for (const [size, connections, count] of [
    [4096, 1, 500],
    [4096, 10, 2000],
    [4096, MANY, 2000],
    [1_048_576, 1, 40],
    [1_048_576, 10, 80],
  ] as const) {
    const [submitted, delivered] = await submitMany(size, connections, count);
    const what = `${size >= 1_048_576 ? "1 MB" : "4 KB"}, ${connections} connection${connections > 1 ? "s" : ""}`;
    report(`${what}: submitted durably`, `${submitted.toFixed(0)} letters/s`);
    report(`${what}: end to end`, `${delivered.toFixed(0)} letters/s`);
  }

  const remaining = total - inbox.count();
  if (remaining > 0) {
    const processes = [
      ["sender", alice.bridge.pid],
      ["recipient", bob.bridge.pid],
      ["relay", relay.pid],
      ["this client", process.pid],
    ] as const;
    const before = processes.map(([, pid]) => processorTime(pid));
    const [, delivered] = await submitMany(4096, MANY, remaining);
    report(`4 KB, ${MANY} connections, ${remaining} letters, warm: end to end`, `${delivered.toFixed(0)} letters/s`);
    const costs = processes.map(([name, pid], at) => {
      const cost = (processorTime(pid) - (before[at] ?? 0)) / remaining;
      return `${name} ${cost.toFixed(2)}`;
    });
    report("of that: processor time for each letter, ms", costs.join(", "));
  }
  for (const person of [alice, bob])
    report(
      `memory of ${person.name}'s bridge after ${inbox.count()} letters`,
      `${residentMemory(person.bridge.pid).toFixed(0)} MB`,
    );
  report("memory of the relay after that", `${residentMemory(relay.pid).toFixed(0)} MB`);
} finally {
  for (const action of undo.toReversed()) await action().catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}

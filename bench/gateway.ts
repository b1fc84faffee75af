/**
 * Measures the old road's way in: the built program fetches from a Dovecot of the benchmark's own, over TLS on loopback,
 * fsync on. What Dovecot and the client library allow alone is measured in the same run.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { ImapFlow } from "imapflow";
import { formatLetter } from "../rig/letters.ts";
import { Person } from "../rig/person.ts";
import { posternJson } from "../rig/postern-process.ts";
import { dovecotInstalled, type FiledLetter, PrivateDovecot } from "../rig/private-dovecot.ts";
import { readArguments, wholeNumber } from "./arguments.ts";
import { memory, processorTime, watchRise } from "./imap/process-tree.ts";
import { idlingInbox, watchCount } from "./inbox-watch.ts";
import { probeMachine } from "./machine.ts";
import { percentile, row } from "./report.ts";

const HELP = `npm run bench:gateway -- [options]
  --letters N   so many letters wait at the provider (5000)
  --size N      octets of each (4096)
  --arrivals N  so many letters come later, one by one (50)
  --json        a JSON object a line`;

const values = readArguments(HELP, {
  letters: { type: "string", default: "5000" },
  size: { type: "string", default: "4096" },
  arrivals: { type: "string", default: "50" },
  json: { type: "boolean", default: false },
});
const letters = wholeNumber("letters", values.letters, 1, 200_000);
const size = wholeNumber("size", values.size, 512, 1_000_000);
const arrivals = wholeNumber("arrivals", values.arrivals, 1, 10_000);
const report = row(values.json);

const ADDRESS = "ann@old.example";
const scratch = mkdtempSync(join(tmpdir(), "postern-bench-gateway-"));
const undo: (() => Promise<void>)[] = [];

function someLetter(subject: string): Buffer {
  const header = {
    From: "Bob <bob@friend.example>",
    To: ADDRESS,
    Subject: subject,
    Date: "Mon, 20 Jul 2026 08:00:00 +0200",
    "Message-ID": `<${randomBytes(12).toString("hex")}@friend.example>`,
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=utf-8",
  };
  const words = randomBytes(size)
    .toString("base64")
    .replaceAll(/.{64}/g, (line) => `${line} and so on\r\n`);
  return formatLetter(header, `${words.slice(0, Math.max(0, size - 400))}\r\n`);
}

async function provider(dovecot: PrivateDovecot): Promise<ImapFlow> {
  const client = new ImapFlow({
    host: "127.0.0.1",
    port: dovecot.port,
    secure: true,
    auth: { user: dovecot.user, pass: dovecot.password },
    tls: { ca: dovecot.certificate },
    logger: false,
  });
  await client.connect();
  undo.push(async () => client.close());
  await client.mailboxOpen("INBOX");
  return client;
}

const perSecond = (count: number, started: number): string =>
  `${((count * 1_000) / (performance.now() - started)).toFixed(0)} letters/s`;

/** What the client library takes from Dovecot when nothing is done with it. */
async function measureAlone(dovecot: PrivateDovecot): Promise<void> {
  const client = await provider(dovecot);
  const started = performance.now();
  let got = 0;
  const items = { uid: true, flags: true, internalDate: true, source: { start: 0, maxLength: 262_144 } };
  for await (const { source } of client.fetch("1:*", items)) if (source !== undefined) got++;
  report("limit: fetched with the client library, and thrown away", perSecond(got, started));
  await client.logout();
}

async function measureFetch(dovecot: PrivateDovecot, ann: Person, inbox: ReturnType<typeof watchCount>): Promise<void> {
  const place = ["--imap-host", "127.0.0.1", "--imap-port", String(dovecot.port), "--ca", join(scratch, "ca.pem")];
  const login = ["--user", dovecot.user, "--password-file", join(scratch, "password")];
  const { pid } = ann.bridge;
  const rest = memory(pid).resident;
  const rise = watchRise(pid);
  const processor = { bridge: processorTime(pid), dovecot: processorTime(dovecot.pid) };
  const first = inbox.until(1).then(() => performance.now());
  await posternJson(scratch, "gateway", "add", ADDRESS, "--home", ann.home, ...place, ...login);
  await inbox.until(1);
  const [started, before] = [await first, inbox.count()];
  await inbox.until(letters);
  report(`${letters} letters of ${size} octets: fetched`, perSecond(letters - before, started));
  const spent = (pid: number, from: number): string => `${((processorTime(pid) - from) / letters).toFixed(2)} ms`;
  report("  processor time for each: bridge", spent(pid, processor.bridge));
  report("  processor time for each: Dovecot", spent(dovecot.pid, processor.dovecot));
  report("  memory of the bridge, before / most above that", `${rest.toFixed(0)} / ${rise().toFixed(0)} MB`);
}

const figures = (times: readonly number[]): string =>
  `median ${percentile(times, 50).toFixed(0)} ms, 99th percentile ${percentile(times, 99).toFixed(0)} ms`;

/** One letter at a time: when an IDLE of the provider's tells it, and when an IDLE of ours does. */
async function measureArrivals(dovecot: PrivateDovecot, inbox: ReturnType<typeof watchCount>): Promise<void> {
  const [sender, watcher] = [await provider(dovecot), await provider(dovecot)];
  const there = watchCount(watcher);
  void (async () => {
    while (watcher.usable) await watcher.idle().catch(() => undefined);
  })();
  const times = { there: [] as number[], here: [] as number[], between: [] as number[] };
  const at = (seen: Promise<void>): Promise<number> => seen.then(() => performance.now());
  for (let n = 0; n < arrivals; n++) {
    const told = [at(there.until(there.count() + 1)), at(inbox.until(inbox.count() + 1))] as const;
    await sender.append("INBOX", someLetter(`later ${n}`));
    const appended = performance.now();
    const [provided, shown] = await Promise.all(told);
    times.there.push(provided - appended);
    times.here.push(shown - appended);
    times.between.push(shown - provided);
  }
  report("from the provider's OK to APPEND to its own EXISTS in a bare IDLE", figures(times.there));
  report("from there to the mail program's EXISTS", figures(times.here));
  report("from the provider's EXISTS to the mail program's", figures(times.between));
}

try {
  if (!dovecotInstalled()) throw new Error("Dovecot is not installed: apt-get install dovecot-imapd");
  report("machine", `${cpus().length} x ${cpus()[0]?.model ?? "?"}, Node ${process.version}`);
  for (const [name, value] of probeMachine(scratch)) report(name, value);
  const dovecot = await PrivateDovecot.start({ tls: true });
  undo.push(() => dovecot.stop());
  const waiting = (n: number): FiledLetter => ({ content: someLetter(`waiting ${n}`), letters: "S", date: 1.7e9 + n });
  dovecot.fill(
    "",
    Array.from({ length: letters }, (_, n) => waiting(n)),
  );
  writeFileSync(join(scratch, "password"), `${dovecot.password}\n`);
  writeFileSync(join(scratch, "ca.pem"), dovecot.certificate);
  await measureAlone(dovecot);
  const ann = await Person.create("ann", scratch);
  undo.push(() => ann.stop());
  await ann.start();
  const inbox = await idlingInbox(ann, undo);
  await measureFetch(dovecot, ann, inbox);
  await measureArrivals(dovecot, inbox);
} finally {
  for (const action of undo.toReversed()) await action().catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}

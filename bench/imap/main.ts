/**
 * Measures the IMAP server beside Dovecot, without and with mail_crypt, on the same letters, in turn, as processes on
 * loopback. docs/benchmarks.md explains the rows. Everything is bounded, stops what it starts and removes what it wrote.
 */
import { mkdirSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { dovecotInstalled } from "../../rig/private-dovecot.ts";
import { readArguments, wholeNumber } from "../arguments.ts";
import { probeMachine } from "../machine.ts";
import { row as reportLine } from "../report.ts";
import { chooseRows } from "./all-rows.ts";
import { Bed } from "./bed.ts";
import { Corpus } from "./corpus/corpus.ts";
import { measureRow } from "./measure-row.ts";
import type { Row } from "./row.ts";
import { type MeasuredServer, makeDovecot, makePostern } from "./servers.ts";
import { formatHeading, formatSummary, formatVerdict } from "./table.ts";
import { judge, type Verdict } from "./verdict.ts";

/** Octets of disk for each letter: of the corpus and of each server, with what they index and the copies that rows make. */
const DISK_OF_CORPUS = 40_000;
const DISK_OF_SERVER = 60_000;
const DISK_OF_ROWS = 1_000_000_000;

const HELP = `npm run bench:imap -- [options]
  --letters N    so many letters (10000)
  --only GLOBS   these rows, for instance 'search-*,copy' (all); docs/benchmarks.md lists them
  --samples N    so many samples of a row at most (100)
  --seconds N    how long the busy and the idle row take (10)
  --no-dovecot   Postern alone
  --keep FOLDER  the servers' homes stay in this folder, whose path is short, and are used again the next time
  --json         a JSON object a line, with every sample`;

const values = readArguments(HELP, {
  letters: { type: "string", default: "10000" },
  only: { type: "string", default: "*" },
  samples: { type: "string", default: "100" },
  seconds: { type: "string", default: "10" },
  keep: { type: "string", default: "" },
  json: { type: "boolean", default: false },
  "no-dovecot": { type: "boolean", default: false },
});

function say(text: string): void {
  if (!values.json) console.log(text);
}

function readOptions(): { letters: number; samples: number; period: number; rows: readonly Row[] } {
  try {
    const rows = chooseRows(values.only);
    const period = wholeNumber("seconds", values.seconds, 1, 600) * 1000;
    const samples = wholeNumber("samples", values.samples, 1, 100);
    return { letters: wholeNumber("letters", values.letters, 100, 1_000_000), samples, period, rows };
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exit(2);
  }
}

const { letters, samples, period, rows } = readOptions();

const kept = values.keep !== "";
const scratch = kept ? resolve(values.keep) : mkdtempSync(join(tmpdir(), "postern-bench-"));
mkdirSync(scratch, { recursive: true });
const servers: MeasuredServer[] = [];
let cleaning: Promise<void> | undefined;

async function clean(): Promise<void> {
  await Promise.allSettled(servers.map((server) => server.remove()));
  if (kept) rmSync(join(scratch, "corpus"), { force: true });
  else rmSync(scratch, { recursive: true, force: true });
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => {
    cleaning ??= clean();
    void cleaning.finally(() => process.exit(1));
  });

try {
  const withDovecot = !values["no-dovecot"] && dovecotInstalled();
  const { bavail, bsize } = statfsSync(scratch);
  const needed = letters * (DISK_OF_CORPUS + DISK_OF_SERVER * (withDovecot ? 3 : 1)) + DISK_OF_ROWS;
  if (bavail * bsize < needed)
    throw new Error(
      `${tmpdir()} has no ${Math.ceil(needed / 1e9)} GB left for ${letters} letters; set TMPDIR, or --letters`,
    );
  if (!withDovecot && !values["no-dovecot"])
    say("Dovecot is not installed (Debian: apt-get install dovecot-imapd), so Postern is measured alone.");

  const report = reportLine(values.json);
  report("machine", `${cpus().length} cores, ${cpus()[0]?.model ?? ""}, node ${process.version}`);
  for (const [name, value] of probeMachine(scratch)) report(name, value);
  const corpus = new Corpus(scratch, letters);
  report("letters", `${letters}, ${(corpus.octets / 1e6).toFixed(0)} MB, median ${corpus.medianOctets} octets`);

  servers.push(await makePostern(scratch));
  if (withDovecot)
    for (const crypt of [false, true])
      servers.push(await makeDovecot(crypt, kept ? join(scratch, crypt ? "crypt" : "plain") : undefined));
  const beds = servers.map((server) => new Bed(server, corpus, period));
  if (kept) for (const bed of beds) await bed.recognise();
  const verdicts: Verdict[] = [];
  say(`\n${formatHeading()}`);
  for (const row of rows) {
    for (const verdict of judge(row, await measureRow(row, beds, samples))) {
      verdicts.push(verdict);
      console.log(values.json ? JSON.stringify(verdict) : formatVerdict(verdict));
    }
  }
  say(`\n${formatSummary(verdicts)}`);
  await Promise.all(beds.map((bed) => bed.leave()));
  corpus.close();
} finally {
  cleaning ??= clean();
  await cleaning;
}

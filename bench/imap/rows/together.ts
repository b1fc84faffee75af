/** What several connections notice of each other. */
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { percentile } from "../../report.ts";
import { type Bed, FULL } from "../bed.ts";
import type { ImapConnection } from "../connection.ts";
import { COMMON_WORD, RARE_WORD } from "../corpus/corpus.ts";
import { Random } from "../corpus/random.ts";
import { untilResting, watchRise } from "../process-tree.ts";
import { type Row, rate, TOLD, time, verify } from "../row.ts";

const NOTICES = 20;
const BUSY_CONNECTIONS = 50;
/** How long the start of a server may keep it busy, in milliseconds. */
const REST_PATIENCE = 120_000;

const notice: Row = {
  id: "idle-notice",
  figures: [time(`from the OK of APPEND to EXISTS in IDLE, median of ${NOTICES}`, { plain: 1, crypt: 1, atMost: 5 })],
  samples: 3,
  needs: "nothing",
  measure: async (bed) =>
    await bed.using(async (sender) => {
      await bed.renew(sender, "Noticed");
      return await bed.using(async (waiter) => {
        await waiter.command("SELECT Noticed");
        const done = await waiter.idle();
        const delays: number[] = [];
        for (let index = 0; index < NOTICES; index++) {
          const told = new Promise<number>((resolve) => (waiter.onExists = resolve));
          const { ended } = await sender.append("Noticed", [bed.corpus.letter(index % bed.corpus.count)]);
          // It may come before the OK, though never before the letter is durable.
          delays.push(Math.max(0, (await told) - ended));
          verify("EXISTS", waiter.exists, index + 1);
        }
        await done();
        return [percentile(delays, 50)];
      });
    }),
};

type Operation = (connection: ImapConnection, bed: Bed, random: Random) => Promise<unknown>;

/** What mail programs do all day, and how often of a hundred. */
const MIX: readonly (readonly [share: number, operation: Operation])[] = [
  [30, (connection, bed, random) => connection.command(`FETCH ${range(bed, random, 20)} (UID FLAGS ENVELOPE)`)],
  [25, (connection, bed, random) => connection.command(`FETCH ${range(bed, random, 1)} (UID BODY.PEEK[])`)],
  [10, (connection, bed, random) => connection.command(`FETCH ${range(bed, random, 50)} (UID FLAGS)`)],
  [
    10,
    (connection, bed, random) =>
      connection.command(`STORE ${range(bed, random, 1)} ${random.pick(["+", "-"])}FLAGS ($Busy)`),
  ],
  [10, (connection, bed, random) => connection.append("Busy", [bed.corpus.letter(random.below(bed.corpus.count))])],
  [5, (connection) => connection.command("SEARCH UNSEEN")],
  [5, (connection) => connection.command(`SEARCH SUBJECT ${RARE_WORD}`)],
  [5, (connection) => connection.command("STATUS INBOX (MESSAGES UNSEEN)")],
];
const MIXED = MIX.flatMap(([share, operation]) => Array.from({ length: share }, () => operation));

function range(bed: Bed, random: Random, length: number): string {
  const first = 1 + random.below(Math.max(1, bed.corpus.count - length));
  return length === 1 ? String(first) : `${first}:${first + length - 1}`;
}

const busy: Row = {
  id: "busy",
  figures: [
    rate(`${BUSY_CONNECTIONS} busy connections`, "operations/s"),
    time("an operation of these, 99th percentile", TOLD),
  ],
  samples: 3,
  prepare: async (bed) => await bed.using(async (connection) => await bed.renew(connection, "Busy")),
  measure: async (bed, sample) => {
    const connections = await bed.openMany(BUSY_CONNECTIONS);
    await Promise.all(connections.map((connection) => connection.command(`SELECT ${FULL}`)));
    const times: number[] = [];
    const started = performance.now();
    await Promise.all(
      connections.map(async (connection, index) => {
        const random = new Random(1000 * (sample + 1) + index);
        while (performance.now() - started < bed.period) {
          const begun = performance.now();
          await random.pick(MIXED)(connection, bed, random);
          times.push(performance.now() - begun);
        }
      }),
    );
    const elapsed = performance.now() - started;
    await Promise.all(connections.map((connection) => connection.close()));
    return [(times.length * 1000) / elapsed, percentile(times, 99)];
  },
};

/** A heavy step after a restart, and how long NOOP takes on another connection meanwhile. */
function heavyRow(
  id: string,
  name: string,
  step: (connection: ImapConnection, bed: Bed, sample: number) => Promise<void>,
): Row {
  return {
    id: `while-${id}`,
    figures: [
      time(`NOOP of others during ${name}, median`, TOLD),
      time(`NOOP of others during ${name}, longest`, { atMost: 50 }),
      { name: `memory's rise by ${name}`, unit: "MB", better: "lower", aim: { atMost: 100 } },
    ],
    samples: 2,
    measure: async (bed, sample) => {
      await bed.restart();
      return await bed.usingFull(async (connection) => {
        await untilResting(bed.server.pid, REST_PATIENCE);
        const watcher = new Worker(new URL("../noop-watch.js", import.meta.url), { workerData: bed.server.access });
        await once(watcher, "message");
        const told = new Promise<number[]>((resolve, reject) => {
          watcher.once("message", resolve);
          watcher.once("error", reject);
        });
        // Looked at after the step, which is to fail by itself first.
        told.catch(() => undefined);
        const rise = watchRise(bed.server.pid);
        await step(connection, bed, sample);
        const risen = rise();
        watcher.postMessage("stop");
        const times = await told;
        return [percentile(times, 50), percentile(times, 100), risen];
      });
    },
  };
}

export const togetherRows = [
  notice,
  busy,
  heavyRow("search", "SEARCH BODY of a common word", async (connection, bed) => {
    const { lines } = await connection.command(`SEARCH BODY ${COMMON_WORD}`);
    verify("found", (lines.join(" ").match(/\d+/g) ?? []).length, bed.corpus.common);
  }),
  heavyRow("thread", "the first THREAD", async (connection) => {
    await connection.command("THREAD REFERENCES UTF-8 ALL");
  }),
  heavyRow("download", "FETCH of everything", async (connection, bed) => {
    const { literalOctets } = await connection.command("UID FETCH 1:* BODY.PEEK[]");
    verify("octets", literalOctets, bed.corpus.octets);
  }),
  heavyRow("store", "STORE on all", async (connection, bed, sample) => {
    const { fetches } = await connection.command(`STORE 1:* ${sample % 2 === 0 ? "+" : "-"}FLAGS ($Heavy)`);
    verify("FETCH responses", fetches, bed.corpus.count);
  }),
];

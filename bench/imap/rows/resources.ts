/** What a server takes when nobody asks for anything, and how it starts. */
import { ImapConnection } from "../connection.ts";
import { diskUsage } from "../disk-usage.ts";
import { memory, processorTime, untilResting, wakeUps } from "../process-tree.ts";
import { type Row, TOLD, time, verify } from "../row.ts";

const FOLDERS = 1000;
const REST_PATIENCE = 120_000;

const disk: Row = {
  id: "disk",
  figures: [{ name: "octets on disk for each octet of mail", unit: "", better: "lower", aim: TOLD }],
  samples: 1,
  measure: (bed) => Promise.resolve([(diskUsage(bed.server.folder) - bed.emptyUsage) / bed.corpus.octets]),
};

const start: Row = {
  id: "start",
  figures: [time("from the start of the process to the first greeting", { atMost: 1000 })],
  samples: 5,
  measure: async (bed) => {
    await bed.leave();
    await bed.server.stop();
    const started = performance.now();
    await bed.server.start();
    const connection = await ImapConnection.greet(bed.server.access);
    const elapsed = performance.now() - started;
    await connection.close();
    return [elapsed];
  },
};

const rest: Row = {
  id: "rest",
  figures: [
    { name: "memory at rest after a start, one connection (PSS)", unit: "MB", better: "lower", aim: { atMost: 150 } },
    { name: "the same, resident (RSS)", unit: "MB", better: "lower", aim: TOLD },
  ],
  samples: 2,
  measure: async (bed) => {
    await bed.restart();
    await bed.standing();
    await untilResting(bed.server.pid, REST_PATIENCE);
    const { proportional, resident } = memory(bed.server.pid);
    return [proportional, resident];
  },
};

const idle: Row = {
  id: "idle",
  figures: [
    { name: "processor time a second with one connection in IDLE", unit: "ms", better: "lower", aim: { atMost: 1 } },
    { name: "wake-ups a second with one connection in IDLE", unit: "", better: "lower", aim: { atMost: 0.5 } },
  ],
  samples: 1,
  measure: async (bed) => {
    await bed.leave();
    return await bed.usingFull(async (connection) => {
      const done = await connection.idle();
      await untilResting(bed.server.pid, REST_PATIENCE);
      const [time, wakes] = [processorTime(bed.server.pid), wakeUps(bed.server.pid)];
      await new Promise((resolve) => setTimeout(resolve, bed.period));
      const seconds = bed.period / 1000;
      const found = [(processorTime(bed.server.pid) - time) / seconds, (wakeUps(bed.server.pid) - wakes) / seconds];
      await done();
      return found;
    });
  },
};

/** Last of all: the folders stay. */
const folders: Row = {
  id: "list-status",
  figures: [time(`LIST-STATUS over ${FOLDERS} folders`, { plain: 1, crypt: 1, atMost: 50 })],
  samples: 6,
  warmUp: 1,
  needs: "nothing",
  prepare: async (bed) => {
    await bed.using(async (connection) => {
      for (let index = 0; index < FOLDERS; index++) {
        await connection.command(`CREATE Many/${index}`);
        await connection.append(`Many/${index}`, [bed.corpus.letter(index % bed.corpus.count)]);
      }
    });
  },
  measure: async (bed) =>
    await bed.using(async (connection) => {
      const { lines, milliseconds } = await connection.command(
        'LIST "" "Many/*" RETURN (STATUS (MESSAGES UNSEEN UIDNEXT))',
      );
      const status = lines.filter((line) => line.startsWith("STATUS") && line.includes("MESSAGES 1"));
      verify("STATUS responses with one letter", status.length, FOLDERS);
      return [milliseconds];
    }),
};

export const resourceRows = [disk, start, rest, idle, folders];

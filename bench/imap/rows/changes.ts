import { percentile } from "../../report.ts";
import { type Bed, FULL } from "../bed.ts";
import type { ImapConnection } from "../connection.ts";
import { Random } from "../corpus/random.ts";
import { type Row, time, verify } from "../row.ts";

const MANY = 1000;
const CHANGES = 100;
/** Keywords that neither the corpus nor another row has: Dovecot tells nothing of a STORE that changes nothing. */
const STORED = "$Benched";
const STORED_ONE = "$BenchedOne";
const CHANGED = "$Changed";

function many(bed: Bed): number {
  return Math.min(MANY, bed.corpus.count);
}

async function status(connection: ImapConnection, mailbox: string, item: string): Promise<string> {
  const { lines } = await connection.command(`STATUS ${mailbox} (${item})`);
  return new RegExp(`${item} (\\d+)`).exec(lines.join(" "))?.[1] ?? "";
}

/** Works on a mailbox of its own with copies of the first letters. */
async function usingCopies<T>(bed: Bed, mailbox: string, work: (connection: ImapConnection) => Promise<T>): Promise<T> {
  return await bed.usingFull(async (connection) => {
    await bed.renew(connection, mailbox);
    await connection.command(`COPY 1:${many(bed)} ${mailbox}`);
    await connection.command(`SELECT ${mailbox}`);
    const result = await work(connection);
    await connection.command(`DELETE ${mailbox}`);
    return result;
  });
}

const storeAll: Row = {
  id: "store-all",
  figures: [time("STORE on all")],
  samples: 4,
  measure: async (bed, sample) =>
    await bed.usingFull(async (connection) => {
      const { fetches, milliseconds } = await connection.command(
        `STORE 1:* ${sample % 2 === 0 ? "+" : "-"}FLAGS (${STORED})`,
      );
      verify("FETCH responses", fetches, bed.corpus.count);
      return [milliseconds];
    }),
};

const storeOne: Row = {
  id: "store-one",
  figures: [time("STORE on one, median of 100")],
  samples: 4,
  measure: async (bed, sample) => {
    const connection = await bed.standing();
    const times: number[] = [];
    for (const index of new Random(200).different(CHANGES, bed.corpus.count)) {
      const sign = sample % 2 === 0 ? "+" : "-";
      const { fetches, milliseconds } = await connection.command(`STORE ${index + 1} ${sign}FLAGS (${STORED_ONE})`);
      verify("FETCH responses", fetches, 1);
      times.push(milliseconds);
    }
    return [percentile(times, 50)];
  },
};

const copy: Row = {
  id: "copy",
  figures: [time(`COPY of ${MANY}`)],
  samples: 4,
  measure: async (bed) =>
    await bed.usingFull(async (connection) => {
      await bed.renew(connection, "Copies");
      const { milliseconds } = await connection.command(`COPY 1:${many(bed)} Copies`);
      verify("letters", await status(connection, "Copies", "MESSAGES"), String(many(bed)));
      await connection.command("DELETE Copies");
      return [milliseconds];
    }),
};

const move: Row = {
  id: "move",
  figures: [time(`MOVE of ${MANY}`)],
  samples: 4,
  measure: async (bed) =>
    await usingCopies(bed, "Copies", async (connection) => {
      await bed.renew(connection, "Moved");
      const { milliseconds } = await connection.command("MOVE 1:* Moved");
      verify("letters", await status(connection, "Moved", "MESSAGES"), String(many(bed)));
      await connection.command("DELETE Moved");
      return [milliseconds];
    }),
};

const expunge: Row = {
  id: "expunge",
  figures: [time(`EXPUNGE of ${MANY}`)],
  samples: 4,
  measure: async (bed) =>
    await usingCopies(bed, "Copies", async (connection) => {
      await connection.command("STORE 1:* +FLAGS.SILENT (\\Deleted)");
      const { expunges, milliseconds } = await connection.command("EXPUNGE");
      verify("EXPUNGE responses", expunges, many(bed));
      return [milliseconds];
    }),
};

const resync: Row = {
  id: "qresync",
  figures: [time(`QRESYNC after ${CHANGES} changes`)],
  samples: 4,
  prepare: async (bed) => {
    // Dovecot keeps mod-sequences of a mailbox from the first time on that somebody asks for them.
    await bed.using(async (connection) => void (await connection.command(`SELECT ${FULL} (CONDSTORE)`)));
  },
  measure: async (bed, sample) => {
    await bed.leave();
    const changed = new Random(300).different(CHANGES, bed.corpus.count);
    const [validity, known] = await bed.usingFull(async (connection) => {
      const before = [await status(connection, FULL, "UIDVALIDITY"), await status(connection, FULL, "HIGHESTMODSEQ")];
      const sign = sample % 2 === 0 ? "+" : "-";
      for (const index of changed) await connection.command(`STORE ${index + 1} ${sign}FLAGS.SILENT (${CHANGED})`);
      return before;
    });
    return await bed.using(async (connection) => {
      await connection.command("ENABLE QRESYNC");
      const { fetches, milliseconds } = await connection.command(`SELECT ${FULL} (QRESYNC (${validity} ${known}))`);
      verify("FETCH responses", fetches, changed.length);
      return [milliseconds];
    });
  },
};

export const changeRows = [storeAll, storeOne, copy, move, expunge, resync];

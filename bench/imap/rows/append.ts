import { percentile } from "../../report.ts";
import { type Bed, FULL } from "../bed.ts";
import type { ImapConnection } from "../connection.ts";
import type { CorpusLetter } from "../corpus/corpus.ts";
import { untilResting } from "../process-tree.ts";
import { type Row, rate, TOLD, time, verify } from "../row.ts";

const ONE_BY_ONE = 300;
const MANY = 1000;
const CONNECTIONS = 10;
const TENTHS = 10;
const MAILBOX = "Arriving";

async function messages(connection: ImapConnection, mailbox: string): Promise<number> {
  const { lines } = await connection.command(`STATUS ${mailbox} (MESSAGES)`);
  return Number(/MESSAGES (\d+)/.exec(lines.join(" "))?.[1]);
}

/** Other letters for each sample, as far as there are enough. */
function some(bed: Bed, count: number, sample: number): CorpusLetter[] {
  const take = Math.min(count, bed.corpus.count);
  const from = (sample * take) % (bed.corpus.count - take + 1);
  return bed.corpus.letters(from, from + take);
}

/** Appends to a new mailbox; answers with the letters a second. */
async function appendTo(
  bed: Bed,
  letters: readonly CorpusLetter[],
  work: (connection: ImapConnection) => Promise<void>,
): Promise<number> {
  return await bed.using(async (connection) => {
    await bed.renew(connection, MAILBOX);
    const started = performance.now();
    await work(connection);
    const elapsed = performance.now() - started;
    verify("letters in the mailbox", await messages(connection, MAILBOX), letters.length);
    await connection.command(`DELETE ${MAILBOX}`);
    return (letters.length * 1000) / elapsed;
  });
}

const oneByOne: Row = {
  id: "append-one",
  figures: [rate("APPEND one by one", "letters/s"), time("APPEND one by one, median")],
  samples: 3,
  needs: "nothing",
  measure: async (bed, sample) => {
    const letters = some(bed, ONE_BY_ONE, sample);
    const times: number[] = [];
    const found = await appendTo(bed, letters, async (connection) => {
      for (const letter of letters) times.push((await connection.append(MAILBOX, [letter])).milliseconds);
    });
    return [found, percentile(times, 50)];
  },
};

const together: Row = {
  id: "append-many",
  figures: [rate(`MULTIAPPEND of ${MANY}`, "letters/s")],
  samples: 3,
  needs: "nothing",
  measure: async (bed, sample) => {
    const letters = some(bed, MANY, sample);
    return [await appendTo(bed, letters, async (connection) => void (await connection.append(MAILBOX, letters)))];
  },
};

const tenConnections: Row = {
  id: "append-ten",
  figures: [rate(`APPEND on ${CONNECTIONS} connections`, "letters/s")],
  samples: 3,
  needs: "nothing",
  measure: async (bed, sample) => {
    const letters = some(bed, ONE_BY_ONE, sample);
    const connections = await bed.openMany(CONNECTIONS);
    let next = 0;
    const found = await appendTo(bed, letters, async () => {
      await Promise.all(
        connections.map(async (connection) => {
          for (let letter = letters[next++]; letter !== undefined; letter = letters[next++])
            await connection.append(MAILBOX, [letter]);
        }),
      );
    });
    await Promise.all(connections.map((connection) => connection.close()));
    return [found];
  },
};

/** Fills the mailbox of all later rows: what it costs when the mailbox grows is the last sample beside the first. */
const load: Row = {
  id: "load",
  figures: [rate("MULTIAPPEND of the whole corpus, by tenths", "letters/s")],
  samples: TENTHS,
  needs: "nothing",
  measure: async (bed, sample) => {
    const [from, to] = [sample, sample + 1].map((tenths) => Math.floor((bed.corpus.count * tenths) / TENTHS));
    const started = performance.now();
    await bed.load(to as number);
    const found = (((to as number) - (from as number)) * 1000) / (performance.now() - started);
    verify("letters in the mailbox", await bed.using((connection) => messages(connection, FULL)), to as number);
    return [found];
  },
};

/** What is still done in the background, as is the index for searches in bodies. */
const settle: Row = {
  id: "settle",
  figures: [time("from the last letter until the server rests", TOLD)],
  samples: 1,
  needs: "nothing",
  measure: async (bed) => {
    await bed.load(bed.corpus.count);
    const started = performance.now();
    await untilResting(bed.server.pid, 60_000 + 20 * bed.corpus.count);
    return [performance.now() - started];
  },
};

export const appendRows = [oneByOne, together, tenConnections, load, settle];

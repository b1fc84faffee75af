import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Database } from "../../foundation/database.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import { SqliteQueueStore } from "../../relay/sqlite/queues.ts";
import { PAGE_SIZE, RELAY_SCHEMA } from "../../relay/sqlite/schema.ts";
import { cellOf, inTemporaryDirectory, newQueue } from "./fixtures.ts";
import { describeQueueStore } from "./queue-store-conformance.ts";

function open(path: string): Database {
  const db = new Database(path, undefined, { pageSize: PAGE_SIZE, syncAtCommit: true });
  db.migrate(RELAY_SCHEMA);
  return db;
}

describeQueueStore("SQLite", (limits, work) =>
  inTemporaryDirectory(async (directory) => {
    const path = join(directory, "relay.db");
    let db = open(path);
    const all = { ...limits, sweepBatch: 2 };
    try {
      await work({
        store: new SqliteQueueStore(db, all),
        async reopen() {
          db.sqlite.close();
          db = open(path);
          return new SqliteQueueStore(db, all);
        },
      });
    } finally {
      db.close();
    }
  }),
);

test("a full disk refuses cells by rejecting, loses none that it took, and takes more once there is room", () =>
  inTemporaryDirectory(async (directory) => {
    const db = open(join(directory, "relay.db"));
    const store = new SqliteQueueStore(db, { cellsPerQueue: 1_000, cells: 10_000, queues: 10, sweepBatch: 10 });
    const queue = newQueue();
    await store.create({ ...queue, recipientKey: queue.recipientSeed }, 1);
    const pages = db.sqlite.pragma("page_count", { simple: true }) as number;
    db.sqlite.pragma(`max_page_count = ${pages + 8}`);

    const results = await Promise.allSettled(
      Array.from({ length: 40 }, async (_, n) => {
        // In several batches: those that fit are kept although later ones fail.
        for (let turn = 0; turn < n; turn++) await new Promise((resolve) => setImmediate(resolve));
        return store.append(queue.senderId, cellOf(n), 1);
      }),
    );
    const taken = results.filter((result) => result.status === "fulfilled");
    const refused = results.filter((result) => result.status === "rejected");
    expect(taken.length).toBeGreaterThan(0);
    expect(refused.length).toBeGreaterThan(0);
    const failure = storageFailure(refused[0]?.reason);
    expect(failure).toBeInstanceOf(Failure);
    expect((failure as Failure).code).toBe("full");
    expect((await store.read(queue.recipientId, 0, 100)).map(({ seq }) => seq)).toEqual(taken.map((_, n) => n + 1));
    expect(store.counts().cells).toBe(taken.length);

    await store.acknowledge(queue.recipientId, [{ first: 1, last: 2 }]);
    expect(await store.append(queue.senderId, cellOf(1), 1)).toMatchObject({ kind: "stored", seq: taken.length + 1 });
    db.close();
  }));

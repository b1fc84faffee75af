import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { Database } from "../../foundation/database.ts";
import { Failure, storageFailure } from "../../foundation/failure.ts";
import { PAGE_SIZE } from "../../relay/sqlite/schema.ts";
import { openSqliteStore, sqliteStore } from "../../relay/sqlite/store.ts";
import { newRecord, ROOMY, TOKEN, UNBOUNDED } from "./conformance/engine.ts";
import { describeStore } from "./conformance/store.ts";
import { cellOf, inTemporaryDirectory } from "./fixtures.ts";

function open(directory: string): Database {
  return new Database(join(directory, "relay.db"), undefined, { pageSize: PAGE_SIZE, syncAtCommit: true });
}

describeStore("SQLite", (limits, work) =>
  inTemporaryDirectory(async (directory) => {
    let db = open(directory);
    try {
      await work({
        store: sqliteStore(db, limits),
        async reopen() {
          db.sqlite.close();
          db = open(directory);
          return sqliteStore(db, limits);
        },
      });
    } finally {
      db.close();
    }
  }),
);

test("a token that another process adds or revokes counts at once", () =>
  inTemporaryDirectory(async (directory) => {
    const [relay, operator] = [openSqliteStore(directory, ROOMY), openSqliteStore(directory, ROOMY)];
    await operator.tokens.add(TOKEN, { name: "ann", madeAt: 1, ...UNBOUNDED });
    expect(await relay.queues.create(newRecord(), TOKEN, 1)).toBe("created");
    await operator.tokens.revoke("ann", 2, "stays");
    expect(await relay.queues.create(newRecord(), TOKEN, 1)).toBe("forbidden");
    relay.close();
    operator.close();
  }));

test("a full disk refuses cells by rejecting, loses none that it took, and takes more once there is room", () =>
  inTemporaryDirectory(async (directory) => {
    const db = open(directory);
    const { queues: store, tokens } = sqliteStore(db, ROOMY);
    const queue = newRecord();
    await tokens.add(TOKEN, { name: "ann", madeAt: 1, ...UNBOUNDED });
    await store.create(queue, TOKEN, 1);
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

test("cells that could not be stored leave no trace in the numbers of those that come after", () =>
  inTemporaryDirectory(async (directory) => {
    const db = open(directory);
    const { queues: store, tokens } = sqliteStore(db, ROOMY);
    const [queue, other] = [newRecord(), newRecord()];
    await tokens.add(TOKEN, { name: "ann", madeAt: 1, ...UNBOUNDED });
    for (const one of [queue, other]) await store.create(one, TOKEN, 1);
    const append = (to: typeof queue, n: number) => store.append(to.senderId, cellOf(n), 1);
    expect(await append(queue, 1)).toEqual({ kind: "stored", seq: 1 });

    db.sqlite.exec(`CREATE TEMP TRIGGER breaks BEFORE INSERT ON cell WHEN substr(new.cell, 1, 1) = x'07'
      BEGIN SELECT raise(ABORT, 'broken'); END`);
    // The acknowledgement shares the transaction, and stands.
    const [acknowledged, ...cells] = await Promise.allSettled([
      store.acknowledge(queue.recipientId, [{ first: 1, last: 1 }]),
      append(queue, 2),
      append(other, 3),
      append(queue, 7),
      append(other, 4),
    ]);
    expect(acknowledged).toEqual({ status: "fulfilled", value: 1 });
    expect(cells.map(({ status }) => status)).toEqual(Array(4).fill("rejected"));
    db.sqlite.exec("DROP TRIGGER breaks");

    expect(await append(queue, 5)).toEqual({ kind: "stored", seq: 2 });
    expect(await append(other, 6)).toEqual({ kind: "stored", seq: 1 });
    expect(store.counts().cells).toBe(2);
    expect((await store.read(queue.recipientId, 0, 9)).map(({ seq }) => seq)).toEqual([2]);
    expect(db.sqlite.prepare("SELECT sum(cells) FROM queue").pluck().get()).toBe(2);
    db.close();
  }));

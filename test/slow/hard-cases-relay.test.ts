import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import SQLite from "better-sqlite3-multiple-ciphers";
import { parseRelayUrl, type RelayAddress } from "../../relay/relay-url.ts";
import { CELL_SIZE } from "../../relay/wire/cell.ts";
import { fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";
import { RawClient } from "../relay/raw-client.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

/** Runs on the relay's own database, while the relay runs or not. */
function atRelay<T>(work: (database: SQLite.Database) => T): T {
  const database = new SQLite(join(people.scratch, "relay", "relay.db"));
  try {
    return database.transaction(work)(database);
  } finally {
    database.close();
  }
}

function rowsAtRelay(): Record<string, number> {
  const count = (table: string) => (database: SQLite.Database) =>
    database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0;
  return atRelay((database) =>
    Object.fromEntries(["queue", "cell", "slot"].map((table) => [table, count(table)(database)])),
  );
}

async function send(...subjects: string[]): Promise<void> {
  const { alice } = people;
  const smtp = alice.smtp();
  for (const subject of subjects) {
    const raw = formatLetter(
      { From: alice.account.address, To: "bob@postern.alt", Subject: subject },
      `${subject}\r\n`,
    );
    await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
  }
  smtp.close();
  for (let tries = 0; tries < 300; tries++) {
    const { queue } = await alice.command<{ queue: { waiting: number } }>("status");
    if (queue.waiting === 0) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error("the letters did not reach the relay");
}

async function subjectsAtBob(count: number): Promise<string[]> {
  const client = await people.bob.imap();
  try {
    await untilMessages(client, count);
    return [...(await fetchAll(client)).values()].map((raw) => /^Subject: (.*?)\r?$/m.exec(headerOf(raw))?.[1] ?? "");
  } finally {
    await client.logout();
  }
}

/** What somebody knows who has the relay's address and the people's, but no secret. */
function strangersRelay(): RelayAddress {
  const { host, port, pin } = parseRelayUrl(people.relay.url);
  return { host, port, pin };
}

test("a stranger who knows the relay's address but not its token can store nothing there", async () => {
  await people.bob.stop();
  await send("waits for bob");
  const before = rowsAtRelay();
  expect(before["cell"]).toBeGreaterThan(0);
  const queues = atRelay((database) =>
    database
      .prepare<[], { recipient_id: Buffer; sender_id: Buffer }>("SELECT recipient_id, sender_id FROM queue")
      .all(),
  );
  const client = await RawClient.connect(strangersRelay());
  const stranger = () => ({
    recipientId: randomBytes(24),
    senderId: randomBytes(24),
    recipientSeed: randomBytes(32),
    senderKey: randomBytes(32),
  });
  const cell = () => randomBytes(CELL_SIZE);
  for (const token of [Buffer.alloc(32), randomBytes(32), parseRelayUrl(people.relay.url).pin])
    expect(await client.create(stranger(), token)).toMatchObject({ kind: "refused", reason: "forbidden" });
  expect(await client.send(stranger(), cell())).toMatchObject({ kind: "refused", reason: "no-queue" });
  const answers: unknown[] = [];
  for (const { recipient_id: recipientId, sender_id: senderId } of queues) {
    // Even with the ids, which only a thief of the relay's database knows.
    const known = { ...stranger(), recipientId, senderId };
    answers.push(await client.send(known, cell()), await client.subscribe(known, 10), await client.delete(known));
  }
  for (const answer of answers) expect(answer).toMatchObject({ kind: "refused", reason: "no-queue" });
  expect(await client.claim(randomBytes(24), randomBytes(32))).toMatchObject({ kind: "refused" });
  expect(await client.pushedSoFar()).toEqual([]);
  const { relay, bob } = people;
  const slot = { slotId: randomBytes(24), ownerKey: randomBytes(32), expires: Date.now() + 60_000, cell: cell() };
  expect(await client.call({ kind: "slot-put", token: randomBytes(32), ...slot })).toMatchObject({
    reason: "forbidden",
  });
  await client.close();
  expect(rowsAtRelay()).toEqual(before);
  await bob.start();
  expect(await subjectsAtBob(1)).toEqual(["waits for bob"]);
  expect(relay.log).not.toMatch(/error/);
}, 60_000);

test("a stranger's garbage on the relay's port harms nobody", async () => {
  const known = await subjectsAtBob(0);
  const before = rowsAtRelay();
  for (const garbage of [randomBytes(100_000), Buffer.alloc(50_000), Buffer.from("GET / HTTP/1.1\r\n\r\n")]) {
    const client = await RawClient.connectSilently(strangersRelay());
    client.socket.write(garbage);
    client.socket.end();
    await client.closed;
  }
  expect(rowsAtRelay()).toEqual(before);
  await send("after the garbage");
  expect(await subjectsAtBob(known.length + 1)).toContain("after the garbage");
}, 60_000);

test("a cell that the relay damaged and one that it replays: the damage is told, all other letters come once", async () => {
  const { bob } = people;
  const known = await subjectsAtBob(0);
  await bob.stop();
  const subjects = ["cell 1", "cell 2", "cell 3", "cell 4", "cell 5"];
  await send(...subjects);
  await people.relay.stop();
  atRelay((database) => {
    const cells = database
      .prepare<[], { id: number; queue: number; seq: number; cell: Buffer }>(
        "SELECT id, queue, seq, cell FROM cell ORDER BY id",
      )
      .all();
    expect(cells).toHaveLength(subjects.length);
    const damaged = cells[1];
    const replayed = cells[3];
    if (damaged === undefined || replayed === undefined) throw new Error("no cells");
    damaged.cell[5_000] = (damaged.cell[5_000] ?? 0) ^ 1;
    database.prepare("UPDATE cell SET cell = ? WHERE id = ?").run(damaged.cell, damaged.id);
    for (let copies = 0; copies < 3; copies++) {
      const seq = database
        .prepare<[number], number>("SELECT next_seq FROM queue WHERE id = ?")
        .pluck()
        .get(replayed.queue);
      database
        .prepare("INSERT INTO cell (queue, seq, received_at, cell) VALUES (?, ?, ?, ?)")
        .run(replayed.queue, seq, Date.now(), replayed.cell);
      database.prepare("UPDATE queue SET next_seq = next_seq + 1, cells = cells + 1 WHERE id = ?").run(replayed.queue);
    }
  });
  await people.restartRelay();
  await bob.start();
  // That a letter is missing is told when it has not come within an hour.
  const notice = "A letter could not be opened";
  const expected = [...known, ...subjects.filter((subject) => subject !== "cell 2"), notice];
  const arrived = await subjectsAtBob(expected.length);
  expect(arrived.toSorted()).toEqual(expected.toSorted());
  expect(bob.bridge.log).toMatch(/cells dropped.*damaged/);
  expect(bob.bridge.log).not.toMatch(/ error |"level":"error"/);

  await send("after the replay");
  expect((await subjectsAtBob(expected.length + 1)).toSorted()).toEqual([...expected, "after the replay"].toSorted());
  // Nothing stays behind to come again and again: at the latest the next connection clears it away.
  await bob.stop();
  await bob.start();
  for (let tries = 0; tries < 100 && rowsAtRelay()["cell"] !== 0; tries++)
    await new Promise((resolve) => setTimeout(resolve, 50));
  expect(rowsAtRelay()["cell"]).toBe(0);
  expect(await subjectsAtBob(0)).toHaveLength(expected.length + 1);
}, 90_000);

test("cells in another order, and all of them twice, give each letter once", async () => {
  const { bob } = people;
  const known = await subjectsAtBob(0);
  await bob.stop();
  const subjects = Array.from({ length: 8 }, (_, index) => `shuffled ${index}`);
  await send(...subjects);
  await people.relay.stop();
  atRelay((database) => {
    const cells = database
      .prepare<[], { queue: number; cell: Buffer }>("SELECT queue, cell FROM cell ORDER BY id")
      .all();
    database.exec("DELETE FROM cell");
    const queue = cells[0]?.queue ?? 0;
    let seq = database.prepare<[number], number>("SELECT next_seq FROM queue WHERE id = ?").pluck().get(queue) ?? 0;
    const insert = database.prepare("INSERT INTO cell (queue, seq, received_at, cell) VALUES (?, ?, ?, ?)");
    for (const { cell } of [...cells.toReversed(), ...cells]) insert.run(queue, seq++, Date.now(), cell);
    database.prepare("UPDATE queue SET next_seq = ?, cells = ? WHERE id = ?").run(seq, 2 * cells.length, queue);
  });
  await people.restartRelay();
  await bob.start();
  await send("the last");
  const arrived = await subjectsAtBob(known.length + subjects.length + 1);
  expect(arrived.toSorted()).toEqual([...known, ...subjects, "the last"].toSorted());
}, 90_000);

import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { Pusher } from "../../relay/pusher.ts";
import type { QueueStore, StoredCell } from "../../relay/queue-store.ts";
import type { Reading } from "../../relay/readers.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A queue in memory, and what was pushed of it. */
class Scene {
  readonly cells: StoredCell[] = [];
  readonly pushed: number[] = [];
  reads = 0;
  largestRead = 0;
  room = Number.POSITIVE_INFINITY;
  readonly pusher: Pusher;
  readonly reading: Reading;
  #nextSeq = 1;

  constructor(credit: number) {
    const queues: Partial<QueueStore> = {
      read: async (_, after, count) => {
        this.reads++;
        this.largestRead = Math.max(this.largestRead, count);
        return this.cells.filter(({ seq }) => seq > after).slice(0, count);
      },
    };
    this.pusher = new Pusher({
      queues: queues as QueueStore,
      limits: { pushBatch: 4, credit: 1_000 },
      write: (push) => {
        if (push.kind === "message") this.pushed.push(push.seq);
        return --this.room > 0;
      },
      fail: (error) => {
        throw error;
      },
    });
    const recipientId = Buffer.alloc(24);
    this.reading = { recipientId, pusher: this.pusher, after: 0, last: 0, credit, started: false, ended: false };
  }

  store(): void {
    const cell = { seq: this.#nextSeq++, cell: Buffer.alloc(0) };
    this.cells.push(cell);
    this.pusher.stored(this.reading, cell);
  }

  /** As by expiry: the oldest cell vanishes whether it was pushed or not. */
  expireOldest(): number | undefined {
    return this.cells.shift()?.seq;
  }
}

test("a cell that the reader waits for goes out at once, without being read back", async () => {
  const scene = new Scene(10);
  scene.pusher.start(scene.reading);
  scene.store();
  scene.store();
  expect(scene.pushed).toEqual([1, 2]);
  await turn();
  expect(scene.reads).toBe(0);
});

test("a backlog is read in small batches, and not at all while the socket is full", async () => {
  const scene = new Scene(100);
  for (let n = 0; n < 50; n++) scene.store();
  scene.room = 6;
  scene.pusher.start(scene.reading);
  await turn();
  expect(scene.pushed.length).toBe(8);
  expect(scene.reads).toBe(2);
  await turn();
  expect(scene.reads).toBe(2);
  scene.room = Number.POSITIVE_INFINITY;
  scene.pusher.resume();
  await turn();
  expect(scene.pushed).toEqual(Array.from({ length: 50 }, (_, n) => n + 1));
  expect(scene.largestRead).toBe(4);
});

test("in any order of events every cell is pushed once, in order, within the credit, unless it expired before", async () => {
  const event = fc.constantFrom("store", "store", "store", "credit", "turn", "block", "resume", "expire");
  await fc.assert(
    fc.asyncProperty(fc.array(event, { maxLength: 60 }), async (events) => {
      const scene = new Scene(2);
      const expired = new Set<number>();
      let credit = 2;
      scene.pusher.start(scene.reading);
      for (const name of events) {
        if (name === "store") scene.store();
        else if (name === "credit") {
          scene.pusher.credit(scene.reading, 3);
          credit += 3;
        } else if (name === "turn") await turn();
        else if (name === "block") scene.room = 1;
        else if (name === "expire") expired.add(scene.expireOldest() ?? 0);
        else {
          scene.room = Number.POSITIVE_INFINITY;
          scene.pusher.resume();
        }
        expect(scene.pushed.length).toBeLessThanOrEqual(credit);
      }
      scene.room = Number.POSITIVE_INFINITY;
      scene.pusher.resume();
      scene.pusher.credit(scene.reading, 100);
      await turn();
      await turn();
      const sorted = [...new Set(scene.pushed)].sort((a, b) => a - b);
      expect(scene.pushed).toEqual(sorted);
      for (const { seq } of scene.cells) expect(scene.pushed).toContain(seq);
    }),
    { numRuns: 300 },
  );
});

test("an ended reading gets nothing more", async () => {
  const scene = new Scene(10);
  scene.pusher.start(scene.reading);
  scene.reading.ended = true;
  scene.store();
  await turn();
  expect(scene.pushed).toEqual([]);
});

import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { forkContent, forkStream } from "../../../bridge/submission/fork-content.ts";
import { inPieces } from "../../../foundation/content.ts";

async function* source(count: number, onChunk: (index: number) => void = () => undefined): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) {
    onChunk(index);
    yield Uint8Array.of(index);
  }
}

async function collect(content: AsyncIterable<Uint8Array>, into: number[], pause = 0): Promise<void> {
  for await (const chunk of content) {
    for (let turn = 0; turn < pause; turn++) await new Promise((resolve) => setImmediate(resolve));
    into.push(...chunk);
  }
}

test("every consumer gets the whole content in order, whatever the pace of each", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(12), fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }), async (count, paces) => {
      const outputs = paces.map((): number[] => []);
      await forkStream(
        source(count),
        paces.map((pace, index) => (content) => collect(content, outputs[index] as number[], pace)),
      );
      for (const output of outputs) expect(output).toEqual(Array.from({ length: count }, (_, index) => index));
    }),
    { numRuns: 50 },
  );
});

test("the source is read at the pace of the slowest: never more than one chunk ahead of it", async () => {
  const slow: number[] = [];
  let ahead = 0;
  await forkStream(
    source(20, (index) => {
      ahead = Math.max(ahead, index - slow.length);
    }),
    [(content) => collect(content, []), (content) => collect(content, slow, 3)],
  );
  expect(slow).toHaveLength(20);
  expect(ahead).toBeLessThanOrEqual(1);
});

test("one consumer's failure is thrown by the iteration of all others, and by the fork", async () => {
  const disk = new Error("disk full");
  const others: unknown[] = [];
  const other = async (content: AsyncIterable<Uint8Array>) => {
    try {
      await collect(content, []);
    } catch (error) {
      others.push(error);
      throw error;
    }
  };
  const failing = async (content: AsyncIterable<Uint8Array>) => {
    for await (const chunk of content) if (chunk[0] === 3) throw disk;
  };
  let closed = false;
  const content = (async function* () {
    try {
      yield* source(1000);
    } finally {
      closed = true;
    }
  })();
  await expect(forkStream(content, [other, failing, other])).rejects.toBe(disk);
  expect(others).toEqual([disk, disk]);
  expect(closed).toBe(true);
});

test("a consumer that fails before it reads anything stops the others too", async () => {
  const failing = async () => {
    throw new Error("at once");
  };
  await expect(forkStream(source(5), [(content) => collect(content, []), failing])).rejects.toThrow("at once");
});

test("a source that fails is an error in every consumer, after what came before", async () => {
  const broken = new Error("connection lost");
  const got: number[] = [];
  const seen: unknown[] = [];
  const content = (async function* () {
    yield* source(2);
    throw broken;
  })();
  const consume = (content: AsyncIterable<Uint8Array>) =>
    collect(content, got).catch((error: unknown) => {
      seen.push(error);
      throw error;
    });
  await expect(forkStream(content, [consume, consume])).rejects.toBe(broken);
  expect(seen).toEqual([broken, broken]);
  expect(got.sort((a, b) => a - b)).toEqual([0, 0, 1, 1]);
});

test("the fork resolves only when the others are done, even after a failure", async () => {
  let cleaned = false;
  const careful = async (content: AsyncIterable<Uint8Array>) => {
    try {
      await collect(content, []);
    } finally {
      await new Promise((resolve) => setImmediate(resolve));
      cleaned = true;
    }
  };
  const failing = async () => {
    throw new Error("no");
  };
  await expect(forkStream(source(3), [careful, failing])).rejects.toThrow("no");
  expect(cleaned).toBe(true);
});

test("a consumer that has seen enough leaves; the others go on to the end", async () => {
  const whole: number[] = [];
  const leaver = async (content: AsyncIterable<Uint8Array>) => {
    for await (const chunk of content) if (chunk[0] === 2) break;
  };
  const uninterested = async () => undefined;
  await forkStream(source(10), [leaver, (content) => collect(content, whole), uninterested]);
  expect(whole).toHaveLength(10);
});

test("an empty content ends at once for all", async () => {
  const got: number[] = [];
  await forkStream(source(0), [(content) => collect(content, got), (content) => collect(content, got)]);
  expect(got).toEqual([]);
});

test("a content that is there whole goes to every consumer as it is, and the fork waits for all of them", async () => {
  const whole = Buffer.from("small");
  const seen: unknown[] = [];
  const take = async (content: unknown) => void seen.push(content);
  await forkContent(whole, [take, take]);
  expect(seen).toEqual([whole, whole]);
  let done = false;
  const failing = async () => {
    throw new Error("no");
  };
  const slow = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    done = true;
  };
  await expect(forkContent(whole, [failing, slow])).rejects.toThrow("no");
  expect(done).toBe(true);
});

test("a content that streams by goes to every consumer in pieces", async () => {
  const got: number[] = [];
  await forkContent(source(3), [(content) => collect(inPieces(content), got)]);
  expect(got).toEqual([0, 1, 2]);
});

import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CELL_SIZE } from "../../relay/wire/cell.ts";

export interface TestQueue {
  readonly recipientId: Buffer;
  readonly senderId: Buffer;
  readonly recipientSeed: Buffer;
  readonly senderKey: Buffer;
}

export function newQueue(): TestQueue {
  return {
    recipientId: randomBytes(24),
    senderId: randomBytes(24),
    recipientSeed: randomBytes(32),
    senderKey: randomBytes(32),
  };
}

/** A cell that says its number in every byte. */
export function cellOf(number: number): Buffer {
  return Buffer.alloc(CELL_SIZE, number);
}

/** A directory of its own for the work, removed after it. */
export async function inTemporaryDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), "postern-relay-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

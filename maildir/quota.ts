import { statfs } from "node:fs/promises";
import type { Statement } from "better-sqlite3-multiple-ciphers";
import type { Database } from "../foundation/database.ts";
import { Failure, storageFailure } from "../foundation/failure.ts";

/** What all messages take, and what they may; octets. */
export interface StorageQuota {
  readonly usage: number;
  readonly limit: number;
}

/**
 * How much mail there is, and whether there may be more. Usage is the sum of the messages' sizes, which the database
 * counts itself in each transaction; a copy counts like any message, though it shares its file.
 */
export class Quota {
  readonly #usage: Statement<[], number>;
  readonly #home: string;
  readonly #limit: number | undefined;

  /** `limit`: what the user allows, in octets; the disk alone where undefined. */
  constructor({ sqlite }: Database, home: string, limit: number | undefined) {
    this.#usage = sqlite.prepare<[], number>("SELECT message_octets FROM maildir_state").pluck();
    this.#home = home;
    this.#limit = limit;
  }

  /** The limit is what the user allows or what the disk has room for, whichever is less. @throws Failure forbidden */
  async get(): Promise<StorageQuota> {
    try {
      const { bavail, bsize } = await statfs(this.#home);
      const usage = this.#octets();
      return { usage, limit: Math.min(usage + bavail * bsize, this.#limit ?? Number.MAX_SAFE_INTEGER) };
    } catch (error) {
      throw storageFailure(error);
    }
  }

  /** To be called after messages were put in, inside the transaction, which it undoes. @throws Failure full */
  requireRoom(): void {
    if (this.#limit !== undefined && this.#octets() > this.#limit)
      throw new Failure("full", "there would be more mail than [mail] quota in config.toml allows");
  }

  #octets(): number {
    return this.#usage.get() ?? 0;
  }
}

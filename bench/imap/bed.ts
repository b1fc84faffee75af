import { ImapConnection } from "./connection.ts";
import type { Corpus } from "./corpus/corpus.ts";
import { diskUsage } from "./disk-usage.ts";
import { untilResting } from "./process-tree.ts";
import type { MeasuredServer } from "./servers.ts";

/** The mailbox that holds the whole corpus, in its order. */
export const FULL = "Bench";

/** Letters of one APPEND while the mailbox is filled, and their octets at most. */
const BATCH_LETTERS = 250;
const BATCH_OCTETS = 8 * 1024 * 1024;

/** One server under measurement, with the corpus and a standing connection to the full mailbox. */
export class Bed {
  readonly server: MeasuredServer;
  readonly corpus: Corpus;
  /** How long the busy and the idle rows take, in milliseconds. */
  readonly period: number;
  /** Octets on its disk before the first letter. */
  readonly emptyUsage: number;
  #loaded = 0;
  #settled = false;
  #standing: ImapConnection | undefined;

  constructor(server: MeasuredServer, corpus: Corpus, period: number) {
    this.server = server;
    this.corpus = corpus;
    this.period = period;
    this.emptyUsage = diskUsage(server.folder);
  }

  open(): Promise<ImapConnection> {
    return ImapConnection.open(this.server.access);
  }

  /** Many at a time, opened one after the other as programs do; the caller closes them. */
  async openMany(count: number): Promise<ImapConnection[]> {
    const connections: ImapConnection[] = [];
    while (connections.length < count) connections.push(await this.open());
    return connections;
  }

  /** Gives a connection to the work and closes it afterwards. */
  async using<T>(work: (connection: ImapConnection) => Promise<T>): Promise<T> {
    const connection = await this.open();
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  }

  /** The same with the full mailbox selected. */
  usingFull<T>(work: (connection: ImapConnection) => Promise<T>): Promise<T> {
    return this.using(async (connection) => {
      await connection.command(`SELECT ${FULL}`);
      return await work(connection);
    });
  }

  /** A connection that stays, with the full mailbox selected, and was told what others changed meanwhile. */
  async standing(): Promise<ImapConnection> {
    if (this.#standing === undefined) {
      this.#standing = await this.open();
      await this.#standing.command(`SELECT ${FULL}`);
    }
    await this.#standing.command("NOOP");
    return this.#standing;
  }

  async leave(): Promise<void> {
    await this.#standing?.close();
    this.#standing = undefined;
  }

  async restart(): Promise<void> {
    await this.leave();
    await this.server.stop();
    await this.server.start();
  }

  /** Takes the full mailbox for loaded if an earlier run filled it with this corpus. */
  async recognise(): Promise<void> {
    await this.using(async (connection) => {
      const { lines } = await connection.command(`LIST "" ${FULL} RETURN (STATUS (MESSAGES))`);
      const messages = Number(/MESSAGES (\d+)/.exec(lines.join(" "))?.[1] ?? 0);
      if (messages === this.corpus.count) this.#loaded = messages;
    });
  }

  /** Makes the mailbox anew, empty. */
  async renew(connection: ImapConnection, mailbox: string): Promise<void> {
    await connection.command(`DELETE ${mailbox}`).catch(() => undefined);
    await connection.command(`CREATE ${mailbox}`);
  }

  /** Appends the corpus to the full mailbox up to that letter; what is there already stays. */
  async load(upTo: number): Promise<void> {
    if (this.#loaded >= upTo) return;
    await this.using(async (connection) => {
      if (this.#loaded === 0) await this.renew(connection, FULL);
      while (this.#loaded < upTo) {
        let octets = 0;
        let next = this.#loaded;
        while (next < upTo && next - this.#loaded < BATCH_LETTERS && octets < BATCH_OCTETS)
          octets += this.corpus.places[next++]?.octets ?? 0;
        await connection.append(FULL, this.corpus.letters(this.#loaded, next));
        this.#loaded = next;
      }
    });
  }

  /** Loads everything and waits until the server has done what it does in the background with it. */
  async settle(): Promise<void> {
    if (this.#settled) return;
    await this.load(this.corpus.count);
    await untilResting(this.server.pid, 60_000 + 20 * this.corpus.count);
    this.#settled = true;
  }
}

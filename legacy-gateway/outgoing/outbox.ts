import { randomBytes } from "node:crypto";
import type { Database, Schema } from "../../foundation/database.ts";
import { COPY_MEMORY, OUTGOING_PIECE } from "../limits.ts";
import type { Refusal } from "../provider/smtp-connection.ts";

export const GATEWAY_OUTBOX_SCHEMA: Schema = {
  part: "legacy-gateway-outbox",
  migrations: [
    `
    CREATE TABLE gateway_outgoing (
      letter BLOB PRIMARY KEY,
      account INTEGER NOT NULL,
      sender TEXT NOT NULL,
      message_id TEXT NOT NULL,
      size INTEGER NOT NULL,
      eight_bit INTEGER NOT NULL,
      since INTEGER NOT NULL,
      envid TEXT,
      ret TEXT,
      mailbox TEXT NOT NULL,
      uid INTEGER NOT NULL,
      copy_wanted INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE gateway_piece (
      letter BLOB NOT NULL,
      number INTEGER NOT NULL,
      octets BLOB NOT NULL,
      PRIMARY KEY (letter, number)
    ) STRICT;
    CREATE TABLE gateway_delivery (
      id INTEGER PRIMARY KEY,
      letter BLOB NOT NULL REFERENCES gateway_outgoing ON DELETE CASCADE,
      recipient TEXT NOT NULL,
      orcpt TEXT,
      notify TEXT NOT NULL,
      state TEXT NOT NULL,
      attempts INTEGER NOT NULL,
      next_at INTEGER NOT NULL,
      status TEXT,
      words TEXT,
      delay_told INTEGER NOT NULL,
      UNIQUE (letter, recipient)
    ) STRICT;
    CREATE TABLE gateway_own_copy (
      message_id TEXT NOT NULL,
      mailbox TEXT NOT NULL,
      uid INTEGER NOT NULL,
      sent_at INTEGER NOT NULL,
      PRIMARY KEY (message_id, mailbox)
    ) STRICT, WITHOUT ROWID;
    `,
  ],
};

/** Of a copy at the provider: wanted once the letter was sent; due. 0: none. */
const COPY_WANTED = 1;
const COPY_DUE = 2;

export interface LegacyRecipient {
  readonly address: string;
  readonly originalRecipient?: string | undefined;
  readonly notify: readonly ("success" | "failure" | "delay")[];
}

/** A letter that waits for a provider. */
export interface OutgoingLetter {
  readonly letter: Buffer;
  readonly account: number;
  /** The envelope's and the header's sender: the account's address. */
  readonly sender: string;
  /** With brackets. */
  readonly messageId: string;
  /** Octets. */
  readonly size: number;
  readonly eightBit: boolean;
  readonly since: number;
  readonly envid: string | undefined;
  readonly ret: "full" | "hdrs" | undefined;
  /** Where the user's own copy was filed. */
  readonly mailbox: string;
  readonly uid: number;
  /** It is to be filed at the provider as well, once it was sent. */
  readonly copyWanted: boolean;
}

export interface LegacyDelivery {
  readonly id: number;
  readonly letter: Buffer;
  readonly recipient: string;
  readonly originalRecipient: string | undefined;
  readonly notify: ReadonlySet<string>;
  /** `refused` and `sent` wait for their sender to be told; then they go. */
  readonly state: "waiting" | "refused" | "sent";
  readonly attempts: number;
  readonly nextAt: number;
  readonly status: string | undefined;
  readonly words: string | undefined;
  readonly delayTold: boolean;
}

/** What of a letter is durable before the letter itself is queued. */
export interface StagedContent {
  readonly letter: Buffer;
  readonly size: number;
  readonly eightBit: boolean;
}

/** Letters until providers have them. But for `stage` and `content`, methods join the caller's transaction. */
export class LegacyOutbox {
  readonly #db: Database;

  constructor(db: Database) {
    db.migrate(GATEWAY_OUTBOX_SCHEMA);
    this.#db = db;
  }

  /** What a crash left half-written. */
  sweep(now: number): void {
    this.#db.transaction(() => {
      this.#db.sqlite
        .prepare("DELETE FROM gateway_piece WHERE letter NOT IN (SELECT letter FROM gateway_outgoing)")
        .run();
      this.#db.sqlite.prepare("DELETE FROM gateway_own_copy WHERE sent_at < ?").run(now - COPY_MEMORY);
    });
  }

  /** Writes the content piece by piece; memory holds one of them. `check` is told how long it has become, and may throw. */
  async stage(content: AsyncIterable<Uint8Array>, check: (size: number) => void): Promise<StagedContent> {
    const letter = randomBytes(16);
    let size = 0;
    let eightBit = false;
    let number = 0;
    let waiting: Buffer[] = [];
    let octets = 0;
    const write = async (): Promise<void> => {
      const piece = Buffer.concat(waiting);
      waiting = [];
      octets = 0;
      await this.#db.commit(() =>
        this.#db.sqlite.prepare("INSERT INTO gateway_piece VALUES (?, ?, ?)").run(letter, number++, piece),
      );
    };
    try {
      for await (const chunk of content) {
        size += chunk.length;
        check(size);
        eightBit ||= chunk.some((octet) => octet > 127);
        waiting.push(Buffer.from(chunk));
        octets += chunk.length;
        if (octets >= OUTGOING_PIECE) await write();
      }
      if (octets > 0) await write();
      return { letter, size, eightBit };
    } catch (error) {
      this.discard(letter);
      throw error;
    }
  }

  discard(letter: Uint8Array): void {
    this.#db.sqlite.prepare("DELETE FROM gateway_piece WHERE letter = ?").run(letter);
  }

  async *content(letter: Uint8Array): AsyncGenerator<Buffer> {
    const read = this.#db.sqlite
      .prepare<[Uint8Array, number], Buffer>("SELECT octets FROM gateway_piece WHERE letter = ? AND number = ?")
      .pluck();
    for (let number = 0; ; number++) {
      const piece = read.get(letter, number);
      if (piece === undefined) return;
      yield piece;
    }
  }

  enqueue(letter: OutgoingLetter, recipients: readonly LegacyRecipient[]): void {
    const { sqlite } = this.#db;
    sqlite
      .prepare("INSERT INTO gateway_outgoing VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .run(
        letter.letter,
        letter.account,
        letter.sender,
        letter.messageId,
        letter.size,
        Number(letter.eightBit),
        letter.since,
        letter.envid ?? null,
        letter.ret ?? null,
        letter.mailbox,
        letter.uid,
        letter.copyWanted ? COPY_WANTED : 0,
      );
    sqlite
      .prepare("INSERT OR REPLACE INTO gateway_own_copy VALUES (?, ?, ?, ?)")
      .run(letter.messageId, letter.mailbox, letter.uid, letter.since);
    const insert = sqlite.prepare(
      `INSERT OR IGNORE INTO gateway_delivery (letter, recipient, orcpt, notify, state, attempts, next_at, delay_told)
       VALUES (?, ?, ?, ?, 'waiting', 0, ?, 0)`,
    );
    for (const { address, originalRecipient, notify } of recipients)
      insert.run(letter.letter, address, originalRecipient ?? null, notify.join(), letter.since);
  }

  letter(id: Uint8Array): OutgoingLetter | undefined {
    const row = this.#db.sqlite
      .prepare<[Uint8Array], LetterRow>("SELECT * FROM gateway_outgoing WHERE letter = ?")
      .get(id);
    return row && letterOf(row);
  }

  /** Letters of the account that are to be tried now, oldest first. */
  due(account: number, now: number): OutgoingLetter[] {
    return this.#db.sqlite
      .prepare<[number, number], LetterRow>(
        `SELECT * FROM gateway_outgoing WHERE account = ? AND letter IN
           (SELECT letter FROM gateway_delivery WHERE state = 'waiting' AND next_at <= ?) ORDER BY since LIMIT 20`,
      )
      .all(account, now)
      .map(letterOf);
  }

  /** When the next attempt of the account is due; undefined where nothing waits. */
  nextAt(account: number): number | undefined {
    const next = this.#db.sqlite
      .prepare<[number], number | null>(
        `SELECT min(next_at) FROM gateway_delivery JOIN gateway_outgoing USING (letter)
         WHERE account = ? AND state = 'waiting'`,
      )
      .pluck()
      .get(account);
    return next ?? undefined;
  }

  deliveries(letter: Uint8Array): LegacyDelivery[] {
    return this.#db.sqlite
      .prepare<[Uint8Array], DeliveryRow>("SELECT * FROM gateway_delivery WHERE letter = ? ORDER BY id")
      .all(letter)
      .map(deliveryOf);
  }

  /** All that waits or was refused, oldest first. */
  list(): { readonly letter: OutgoingLetter; readonly delivery: LegacyDelivery }[] {
    const letters = this.#db.sqlite
      .prepare<[], LetterRow>("SELECT * FROM gateway_outgoing ORDER BY since LIMIT 1000")
      .all()
      .map(letterOf);
    return letters.flatMap((letter) => this.deliveries(letter.letter).map((delivery) => ({ letter, delivery })));
  }

  waits(account: number): boolean {
    return this.nextAt(account) !== undefined;
  }

  setSent(id: number): void {
    this.#db.sqlite.prepare("UPDATE gateway_delivery SET state = 'sent' WHERE id = ?").run(id);
    this.#db.sqlite
      .prepare(
        `UPDATE gateway_outgoing SET copy_wanted = ${COPY_DUE} WHERE copy_wanted = ${COPY_WANTED} AND letter =
           (SELECT letter FROM gateway_delivery WHERE id = ?)`,
      )
      .run(id);
  }

  setRefused(id: number, { status, words }: Pick<Refusal, "status" | "words">): void {
    this.#db.sqlite
      .prepare("UPDATE gateway_delivery SET state = 'refused', status = ?, words = ? WHERE id = ?")
      .run(status, words, id);
  }

  setLater(id: number, nextAt: number, { status, words }: Pick<Refusal, "status" | "words">): void {
    this.#db.sqlite
      .prepare("UPDATE gateway_delivery SET attempts = attempts + 1, next_at = ?, status = ?, words = ? WHERE id = ?")
      .run(nextAt, status, words, id);
  }

  setDelayTold(id: number): void {
    this.#db.sqlite.prepare("UPDATE gateway_delivery SET delay_told = 1 WHERE id = ?").run(id);
  }

  /** Everything that waits is tried at once. */
  hurry(account: number, now: number): void {
    this.#db.sqlite
      .prepare(
        `UPDATE gateway_delivery SET next_at = ? WHERE state = 'waiting' AND next_at > ? AND letter IN
           (SELECT letter FROM gateway_outgoing WHERE account = ?)`,
      )
      .run(now, now, account);
  }

  /** The sender knows what became of it. Its content goes with its last recipient. */
  settle(id: number): void {
    const letter = this.#db.sqlite
      .prepare<[number], Buffer>("DELETE FROM gateway_delivery WHERE id = ? RETURNING letter")
      .pluck()
      .get(id);
    if (letter !== undefined) this.#release(letter);
  }

  /** As if it had never been queued. */
  withdraw(letter: Buffer): void {
    this.#db.sqlite
      .prepare(
        `DELETE FROM gateway_own_copy WHERE (message_id, mailbox, uid) IN
           (SELECT message_id, mailbox, uid FROM gateway_outgoing WHERE letter = ?)`,
      )
      .run(letter);
    this.#db.sqlite.prepare("DELETE FROM gateway_outgoing WHERE letter = ?").run(letter);
    this.discard(letter);
  }

  setCopied(letter: Buffer): void {
    this.#db.sqlite.prepare("UPDATE gateway_outgoing SET copy_wanted = 0 WHERE letter = ?").run(letter);
    this.#release(letter);
  }

  /** Letters of the account that were sent, and are to be filed at the provider. */
  copiesDue(account: number): OutgoingLetter[] {
    return this.#db.sqlite
      .prepare<[number], LetterRow>(
        `SELECT * FROM gateway_outgoing WHERE account = ? AND copy_wanted = ${COPY_DUE} ORDER BY since`,
      )
      .all(account)
      .map(letterOf);
  }

  /** Of a letter of the user's own: its UID in that mailbox, where it was filed when it was sent. */
  ownCopy(mailbox: string, messageId: string): number | undefined {
    return this.#db.sqlite
      .prepare<[string, string], number>("SELECT uid FROM gateway_own_copy WHERE message_id = ? AND mailbox = ?")
      .pluck()
      .get(messageId, mailbox);
  }

  #release(letter: Buffer): void {
    const gone = this.#db.sqlite
      .prepare(
        `DELETE FROM gateway_outgoing WHERE letter = ? AND copy_wanted <> ${COPY_DUE} AND NOT EXISTS
           (SELECT 1 FROM gateway_delivery WHERE letter = ?)`,
      )
      .run(letter, letter);
    if (gone.changes > 0) this.discard(letter);
  }
}

interface LetterRow {
  letter: Buffer;
  account: number;
  sender: string;
  message_id: string;
  size: number;
  eight_bit: number;
  since: number;
  envid: string | null;
  ret: "full" | "hdrs" | null;
  mailbox: string;
  uid: number;
  copy_wanted: number;
}

function letterOf(row: LetterRow): OutgoingLetter {
  const { letter, account, sender, size, since, mailbox, uid } = row;
  return {
    letter,
    account,
    sender,
    size,
    since,
    mailbox,
    uid,
    messageId: row.message_id,
    eightBit: row.eight_bit === 1,
    envid: row.envid ?? undefined,
    ret: row.ret ?? undefined,
    copyWanted: row.copy_wanted !== 0,
  };
}

interface DeliveryRow {
  id: number;
  letter: Buffer;
  recipient: string;
  orcpt: string | null;
  notify: string;
  state: LegacyDelivery["state"];
  attempts: number;
  next_at: number;
  status: string | null;
  words: string | null;
  delay_told: number;
}

function deliveryOf(row: DeliveryRow): LegacyDelivery {
  const { id, letter, recipient, state, attempts } = row;
  return {
    id,
    letter,
    recipient,
    state,
    attempts,
    originalRecipient: row.orcpt ?? undefined,
    notify: new Set(row.notify.split(",").filter((event) => event !== "")),
    nextAt: row.next_at,
    status: row.status ?? undefined,
    words: row.words ?? undefined,
    delayTold: row.delay_told === 1,
  };
}

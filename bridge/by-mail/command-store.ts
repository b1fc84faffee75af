import type { AddressLabel } from "../../foundation/address.ts";
import type { Database, Schema } from "../../foundation/database.ts";
import type { MailCommand } from "./command.ts";
import { COMMAND_MEMORY, CONFIRMATION_LIFETIME } from "./limits.ts";

export const byMailSchema: Schema = {
  part: "bridge-by-mail",
  migrations: [
    `CREATE TABLE mail_command (
       key BLOB PRIMARY KEY,
       at INTEGER NOT NULL,
       state TEXT NOT NULL CHECK (state IN ('waiting', 'begun', 'done', 'told')),
       request TEXT,
       answer TEXT
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE mail_question (
       token TEXT PRIMARY KEY,
       kind TEXT NOT NULL,
       label TEXT NOT NULL,
       at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;`,
  ],
};

export interface CommandRequest {
  readonly command: MailCommand;
  /** The letter's Subject, if it can stand in the answer's. */
  readonly subject?: string;
  /** As they stand in the letter and its copy in Sent, with brackets. */
  readonly messageIds: readonly string[];
}

export interface CommandAnswer {
  readonly text: string;
  /** What the Subject says, where it is not the letter's; ASCII. */
  readonly subject?: string;
  /** An invite that was made. */
  readonly invite?: { readonly id: string; readonly link: string };
  /** The answer is a question, which a reply confirms. */
  readonly token?: string;
}

export interface CommandRow {
  readonly key: Buffer;
  /** waiting -> begun -> done -> told; begun is left out where effect and answer are one transaction. */
  readonly state: "waiting" | "begun" | "done";
  readonly request: CommandRequest;
  readonly answer?: CommandAnswer;
}

export interface Question {
  readonly kind: "remove" | "block";
  readonly label: AddressLabel;
}

/** Commands that came by mail, by a hash of their Message-ID, so that each is carried out once. Synchronous, in the caller's transaction. */
export class CommandStore {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    db.migrate(byMailSchema);
    this.#sqlite = db.sqlite;
  }

  /** False if the command is known. */
  add(key: Uint8Array, request: CommandRequest, now: number): boolean {
    this.#sqlite.prepare("DELETE FROM mail_command WHERE state = 'told' AND at < ?").run(now - COMMAND_MEMORY);
    this.#sqlite.prepare("DELETE FROM mail_question WHERE at < ?").run(now - CONFIRMATION_LIFETIME);
    return (
      this.#sqlite
        .prepare("INSERT OR IGNORE INTO mail_command VALUES (?, ?, 'waiting', ?, NULL)")
        .run(key, now, JSON.stringify(request)).changes > 0
    );
  }

  /** The oldest that is not answered yet. */
  next(): CommandRow | undefined {
    const row = this.#sqlite
      .prepare("SELECT key, state, request, answer FROM mail_command WHERE state != 'told' ORDER BY at, key LIMIT 1")
      .get() as { key: Buffer; state: CommandRow["state"]; request: string; answer: string | null } | undefined;
    return (
      row && {
        key: row.key,
        state: row.state,
        request: JSON.parse(row.request) as CommandRequest,
        ...(row.answer !== null && { answer: JSON.parse(row.answer) as CommandAnswer }),
      }
    );
  }

  waiting(): number {
    return this.#sqlite.prepare("SELECT count(*) FROM mail_command WHERE state != 'told'").pluck().get() as number;
  }

  setBegun(key: Uint8Array): void {
    this.#sqlite.prepare("UPDATE mail_command SET state = 'begun' WHERE key = ?").run(key);
  }

  setDone(key: Uint8Array, answer: CommandAnswer): void {
    this.#sqlite
      .prepare("UPDATE mail_command SET state = 'done', answer = ? WHERE key = ?")
      .run(JSON.stringify(answer), key);
  }

  /** What was said is forgotten then; that it was said is remembered. */
  setTold(key: Uint8Array): void {
    this.#sqlite
      .prepare("UPDATE mail_command SET state = 'told', request = NULL, answer = NULL WHERE key = ?")
      .run(key);
  }

  ask(token: string, { kind, label }: Question, now: number): void {
    this.#sqlite.prepare("INSERT INTO mail_question VALUES (?, ?, ?, ?)").run(token, kind, label, now);
  }

  question(token: string, now: number): Question | undefined {
    return this.#sqlite
      .prepare("SELECT kind, label FROM mail_question WHERE token = ? AND at >= ?")
      .get(token, now - CONFIRMATION_LIFETIME) as Question | undefined;
  }

  forgetQuestion(token: string): void {
    this.#sqlite.prepare("DELETE FROM mail_question WHERE token = ?").run(token);
  }
}

import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import { MAX_ACCOUNTS } from "../limits.ts";
import type { Account, AccountSettings, Secret } from "./account.ts";

interface Row {
  readonly id: number;
  readonly settings: string;
  readonly secret: string;
  readonly paused: number;
}

/** The accounts at providers, with their secrets; the database is sealed under the vault's key. */
export class Accounts {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  list(): Account[] {
    const rows = this.#db.sqlite.prepare<[], Row>("SELECT * FROM gateway_account ORDER BY id").all();
    return rows.map(decode);
  }

  byId(id: number): Account | undefined {
    const row = this.#db.sqlite.prepare<[number], Row>("SELECT * FROM gateway_account WHERE id = ?").get(id);
    return row && decode(row);
  }

  byAddress(address: string): Account | undefined {
    const row = this.#db.sqlite
      .prepare<[string], Row>("SELECT * FROM gateway_account WHERE address = ?")
      .get(address.toLowerCase());
    return row && decode(row);
  }

  /** @throws Failure already-exists, full */
  add(settings: AccountSettings, secret: Secret): Account {
    const address = settings.address.toLowerCase();
    if (this.byAddress(address) !== undefined)
      throw new Failure(
        "already-exists",
        `${address} is set up already: \`postern gateway change ${address}\` and \`postern gateway password ${address}\` change it`,
      );
    if (this.list().length >= MAX_ACCOUNTS) throw new Failure("full", `there are ${MAX_ACCOUNTS} accounts already`);
    const { lastInsertRowid } = this.#db.transaction(() =>
      this.#db.sqlite
        .prepare("INSERT INTO gateway_account (address, settings, secret, paused) VALUES (?, ?, ?, 0)")
        .run(address, JSON.stringify({ ...settings, address }), JSON.stringify(secret)),
    );
    return { ...settings, address, id: Number(lastInsertRowid), paused: false };
  }

  secret(id: number): Secret {
    const secret = this.#db.sqlite.prepare("SELECT secret FROM gateway_account WHERE id = ?").pluck().get(id);
    if (typeof secret !== "string") throw new Failure("nonexistent", "the account was removed");
    return JSON.parse(secret) as Secret;
  }

  setSecret(id: number, secret: Secret): void {
    this.#db.transaction(() =>
      this.#db.sqlite.prepare("UPDATE gateway_account SET secret = ? WHERE id = ?").run(JSON.stringify(secret), id),
    );
  }

  /** The address stays. */
  setSettings(id: number, settings: AccountSettings): void {
    this.#change(id, ({ address }) => ({ ...settings, address }));
  }

  setSizeLimit(id: number, sizeLimit: number | undefined): void {
    this.#change(id, ({ sizeLimit: _before, ...settings }) =>
      sizeLimit === undefined ? settings : { ...settings, sizeLimit },
    );
  }

  setPlain(id: number, plain: AccountSettings["plain"]): void {
    this.#change(id, (settings) => ({ ...settings, plain }));
  }

  setPaused(id: number, paused: boolean): void {
    this.#db.transaction(() =>
      this.#db.sqlite.prepare("UPDATE gateway_account SET paused = ? WHERE id = ?").run(Number(paused), id),
    );
  }

  #change(id: number, change: (settings: AccountSettings) => AccountSettings): void {
    const account = this.byId(id);
    if (account === undefined) return;
    const { id: _id, paused: _paused, ...settings } = account;
    const [before, after] = [JSON.stringify(settings), JSON.stringify(change(settings))];
    if (before === after) return;
    this.#db.transaction(() =>
      this.#db.sqlite.prepare("UPDATE gateway_account SET settings = ? WHERE id = ?").run(after, id),
    );
  }

  /** Forgets the account and what is known of its letters; the letters that are here stay. */
  remove(id: number): void {
    this.#db.transaction(() => this.#db.sqlite.prepare("DELETE FROM gateway_account WHERE id = ?").run(id));
  }
}

function decode({ id, settings, paused }: Row): Account {
  return { ...(JSON.parse(settings) as AccountSettings), id, paused: paused === 1 };
}

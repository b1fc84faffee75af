import type { Database, Schema } from "../../foundation/database.ts";
import { POLICIES, type Policy } from "./decide.ts";

export const gatewayPolicySchema: Schema = {
  part: "gateway-policy",
  migrations: [
    `CREATE TABLE gateway_policy (
      address TEXT PRIMARY KEY,
      policy TEXT,
      plain_confirmed_at INTEGER
    ) STRICT, WITHOUT ROWID`,
  ],
};

export interface AddressPolicy {
  /** In lower case. */
  readonly address: string;
  readonly policy?: Policy;
  readonly plainConfirmed: boolean;
}

interface Row {
  readonly address: string;
  readonly policy: string | null;
  readonly confirmed: number | null;
}

/** What the user has said about single old addresses. All methods are synchronous and join the caller's transaction. */
export class PolicyStore {
  readonly #db: Database;
  readonly #now: () => number;

  /** `now` in milliseconds since 1970. */
  constructor(db: Database, { now }: { readonly now: () => number }) {
    this.#db = db;
    this.#now = now;
    db.migrate(gatewayPolicySchema);
  }

  of(address: string): AddressPolicy {
    const lower = address.toLowerCase();
    const row = this.#db.sqlite
      .prepare("SELECT address, policy, plain_confirmed_at AS confirmed FROM gateway_policy WHERE address = ?")
      .get(lower) as Row | undefined;
    return row === undefined ? { address: lower, plainConfirmed: false } : toPolicy(row);
  }

  list(): AddressPolicy[] {
    const rows = this.#db.sqlite
      .prepare("SELECT address, policy, plain_confirmed_at AS confirmed FROM gateway_policy ORDER BY address")
      .all();
    return (rows as Row[]).map(toPolicy);
  }

  /** undefined: what holds in general. */
  set(address: string, policy: Policy | undefined): void {
    this.#db.transaction(() => {
      this.#db.sqlite
        .prepare(
          "INSERT INTO gateway_policy (address, policy) VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET policy = excluded.policy",
        )
        .run(address.toLowerCase(), policy ?? null);
    });
  }

  /** Plain letters may go there where the policy leaves it open. */
  confirmPlain(address: string): void {
    this.#db.transaction(() => {
      this.#db.sqlite
        .prepare(
          "INSERT INTO gateway_policy (address, plain_confirmed_at) VALUES (?, ?) ON CONFLICT (address) DO UPDATE SET plain_confirmed_at = excluded.plain_confirmed_at",
        )
        .run(address.toLowerCase(), this.#now());
    });
  }
}

function toPolicy({ address, policy, confirmed }: Row): AddressPolicy {
  const known = POLICIES.find((one) => one === policy);
  return { address, plainConfirmed: confirmed !== null, ...(known !== undefined && { policy: known }) };
}

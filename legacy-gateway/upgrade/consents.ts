import type { Database } from "../../foundation/database.ts";

/** Whether letters carry an invitation: not at all, inside an encryption alone, or where providers read it, too. */
export type Consent = "off" | "encrypted" | "clear";

export interface AddressConsent {
  readonly address: string;
  readonly consent: Consent;
}

/** Stands for all addresses; no address is empty. */
const EVERYBODY = "";

/** What the user has said of inviting old contacts. Synchronous; joins the caller's transaction. */
export class Consents {
  readonly #sqlite: Database["sqlite"];

  constructor(db: Database) {
    this.#sqlite = db.sqlite;
  }

  /** Of all addresses of which nothing else was said. */
  general(): Consent {
    return this.#of(EVERYBODY) ?? "off";
  }

  for(address: string): Consent {
    return this.#of(address.toLowerCase()) ?? this.general();
  }

  list(): AddressConsent[] {
    return this.#sqlite
      .prepare("SELECT address, consent FROM gateway_upgrade_consent WHERE address <> ? ORDER BY address")
      .all(EVERYBODY) as AddressConsent[];
  }

  /** Without an address: what holds in general. */
  set(consent: Consent, address = EVERYBODY): void {
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO gateway_upgrade_consent VALUES (?, ?)")
      .run(address.toLowerCase(), consent);
  }

  #of(address: string): Consent | undefined {
    return this.#sqlite
      .prepare<[string], Consent>("SELECT consent FROM gateway_upgrade_consent WHERE address = ?")
      .pluck()
      .get(address);
  }
}

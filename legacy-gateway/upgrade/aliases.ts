import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { Consents } from "./consents.ts";
import type { Came, Offers } from "./offers.ts";
import type { SentInvitations } from "./sent-invitations.ts";

/** An old address with whom it leads to. */
export interface Alias {
  /** In lower case. */
  readonly address: string;
  readonly label: AddressLabel;
  /**
   * `joining`: accepted here, and not answered yet, so that letters still go by e-mail; `moved`: letters to the address
   * go over the overlay; `rival`: another contact has the address already.
   */
  readonly state: "joining" | "moved" | "rival";
  /** The invitation was made here; else it came from there. */
  readonly invited: boolean;
  readonly came: Came;
}

export interface AliasesOptions {
  readonly db: Database;
  readonly consents: Consents;
  readonly invitations: SentInvitations;
  readonly offers: Offers;
  readonly clock: Clock;
}

const COLUMNS = "address, label, state, invited, came";

/**
 * Old addresses of contacts. They come and go in the contacts' own transactions: its shape fits what the overlay calls
 * a contact's companion. Synchronous; joins the caller's transaction.
 */
export class Aliases {
  readonly #o: AliasesOptions;
  readonly #sqlite: Database["sqlite"];
  /** Contacts that may have an alias: each letter that comes is looked for here first, and hardly anybody has one. */
  #labels: Set<AddressLabel> | undefined;

  constructor(options: AliasesOptions) {
    this.#o = options;
    this.#sqlite = options.db.sqlite;
  }

  /** Whom letters to the address go to, over the overlay. */
  moved(address: string): AddressLabel | undefined {
    const holder = this.holder(address);
    return holder?.state === "moved" ? holder.label : undefined;
  }

  /** Who has the address, or is to have it. */
  holder(address: string): Alias | undefined {
    const row = this.#sqlite
      .prepare<[string], Row>(`SELECT ${COLUMNS} FROM gateway_alias WHERE address = ? AND state <> 'rival'`)
      .get(address.toLowerCase());
    return row && aliasOf(row);
  }

  /** Whether letters to the address went over the overlay once: what was written there is not for providers now. */
  hasMoved(address: string): boolean {
    return (
      this.#sqlite.prepare("SELECT 1 FROM gateway_once_moved WHERE address = ?").get(address.toLowerCase()) !==
      undefined
    );
  }

  /** The old addresses of a contact. */
  of(label: AddressLabel): string[] {
    this.#labels ??= new Set(this.list().map((alias) => alias.label));
    if (!this.#labels.has(label)) return [];
    return this.#sqlite
      .prepare<[string], string>(
        "SELECT address FROM gateway_alias WHERE label = ? AND state = 'moved' ORDER BY address",
      )
      .pluck()
      .all(label);
  }

  list(): Alias[] {
    return this.#sqlite
      .prepare<[], Row>(`SELECT ${COLUMNS} FROM gateway_alias ORDER BY address, label`)
      .all()
      .map(aliasOf);
  }

  /** The two bridges have met: by the invite `made` here, or because the user accepted what came from there. */
  met(label: AddressLabel, made: string | undefined): void {
    const { invitations, offers } = this.#o;
    if (made === undefined) {
      for (const { address, came } of offers.accepting(label)) this.#add(address, label, { invited: false, came });
      return;
    }
    const invitation = invitations.byInvite(made);
    if (invitation === undefined) return;
    const came = invitation.encrypted ? "encrypted" : "clear";
    this.#add(invitation.address, label, { invited: true, came });
  }

  /** Letters flow both ways. */
  confirmed(label: AddressLabel): void {
    this.#sqlite
      .prepare("UPDATE gateway_alias SET state = 'moved', told = 0 WHERE label = ? AND state = 'joining'")
      .run(label);
    this.#rememberMoved(label);
  }

  /** The contact is none any more: e-mail goes to its addresses again, and no invitation before the user says so. */
  parted(label: AddressLabel): void {
    const { offers } = this.#o;
    for (const { address, state } of this.list().filter((alias) => alias.label === label)) {
      this.#remove(address, label, state === "joining" ? "failed" : "refused");
    }
    for (const { id } of offers.accepting(label)) offers.setState(id, "failed");
  }

  /** The user takes a contact's old address for theirs. */
  give(address: string, label: AddressLabel, came: Came): void {
    this.#add(address, label, { invited: false, came });
    this.confirmed(label);
  }

  /** Letters to the address go by e-mail again. Whom it led to; undefined where it led to nobody. */
  takeBack(address: string): AddressLabel | undefined {
    const holder = this.holder(address);
    if (holder === undefined) return undefined;
    this.#remove(holder.address, holder.label, "refused");
    return holder.label;
  }

  untold(): Alias | undefined {
    const row = this.#sqlite
      .prepare<[], Row>(`SELECT ${COLUMNS} FROM gateway_alias WHERE told = 0 AND state <> 'joining' LIMIT 1`)
      .get();
    return row && aliasOf(row);
  }

  setTold({ address, label }: Alias): void {
    this.#sqlite.prepare("UPDATE gateway_alias SET told = 1 WHERE address = ? AND label = ?").run(address, label);
  }

  #add(address: string, label: AddressLabel, { invited, came }: Pick<Alias, "invited" | "came">): void {
    const { offers, clock } = this.#o;
    const holder = this.holder(address);
    offers.setStateOf(address, label, "taken");
    if (holder?.label === label && holder.state === "moved") return;
    // Whoever comes second never takes the first one's letters.
    const free = holder === undefined || holder.label === label;
    const state = free ? (invited ? "moved" : "joining") : "rival";
    this.#labels?.add(label);
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO gateway_alias VALUES (?, ?, ?, ?, ?, ?, 0)")
      .run(address, label, state, Number(invited), came, clock.now());
    this.#rememberMoved(label);
  }

  #rememberMoved(label: AddressLabel): void {
    this.#sqlite
      .prepare(
        "INSERT OR IGNORE INTO gateway_once_moved SELECT address FROM gateway_alias WHERE label = ? AND state = 'moved'",
      )
      .run(label);
  }

  #remove(address: string, label: AddressLabel, offer: "failed" | "refused"): void {
    const { consents, offers } = this.#o;
    const { changes } = this.#sqlite
      .prepare("DELETE FROM gateway_alias WHERE address = ? AND label = ? AND state <> 'rival'")
      .run(address, label);
    this.#sqlite.prepare("DELETE FROM gateway_alias WHERE address = ? AND label = ?").run(address, label);
    offers.setStateOf(address, label, offer);
    if (changes > 0) consents.set("off", address);
  }
}

interface Row extends Omit<Alias, "invited"> {
  readonly invited: number;
}

function aliasOf(row: Row): Alias {
  return { ...row, invited: row.invited === 1 };
}

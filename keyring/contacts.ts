import { type AddressLabel, addressLabel } from "../foundation/address.ts";
import type { Database, Schema } from "../foundation/database.ts";
import { Failure } from "../foundation/failure.ts";
import { RowCache } from "../foundation/row-cache.ts";
import { decodeAccountState, type SignedAccountState, verifyAccountState } from "./account-state.ts";
import { CACHED_CONTACTS_MAX, DECODED_PINS_MAX } from "./limits.ts";
import { checkPetname } from "./petname.ts";
import { type PinOutcome, pin } from "./pin.ts";

export const contactsSchema: Schema = {
  part: "contacts",
  migrations: [
    `CREATE TABLE contact (
      label TEXT PRIMARY KEY,
      petname TEXT NOT NULL UNIQUE COLLATE NOCASE,
      state TEXT NOT NULL,
      how TEXT NOT NULL,
      account_state BLOB,
      epoch INTEGER NOT NULL DEFAULT 0,
      created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID`,
  ],
};

export type ContactState = "pending" | "invited" | "introduced" | "verified" | "frozen" | "revoked";

/** How a contact came to be. */
export type ContactOrigin = "invite" | "spoken-code" | "introduction";

export interface Contact {
  readonly label: AddressLabel;
  readonly petname: string;
  readonly state: ContactState;
  readonly how: ContactOrigin;
  /** The pinned account state's bytes; undefined before the first. */
  readonly accountState: Buffer | undefined;
  /** Of the pinned account state; 0 before the first. */
  readonly epoch: number;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

export type NewContact = Pick<Contact, "label" | "petname" | "state" | "how">;

export interface ContactsOptions {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** The user's own identity: its devices are trusted too. */
  readonly own?: { readonly label: AddressLabel; accountState(): SignedAccountState };
}

const COLUMNS = "label, petname, state, how, account_state AS accountState, epoch, created_at AS createdAt";

/** The people this identity knows. All methods are synchronous and join the caller's transaction. */
export class Contacts {
  readonly #database: Database;
  readonly #options: ContactsOptions;
  readonly #decoded = new Map<AddressLabel, SignedAccountState>();
  /** Each letter asks for the same ones a dozen times. */
  readonly #cache: RowCache<string, Contact>;

  constructor(database: Database, options: ContactsOptions) {
    this.#database = database;
    this.#options = options;
    database.migrate(contactsSchema);
    this.#cache = new RowCache(() => database.sqlite.inTransaction, CACHED_CONTACTS_MAX);
  }

  /** By petname, ascending. */
  list(): Contact[] {
    return this.#database.sqlite.prepare(`SELECT ${COLUMNS} FROM contact ORDER BY petname`).all().map(toContact);
  }

  /** Without regard to case. */
  byPetname(petname: string): Contact | undefined {
    return this.#cache.get(`petname ${petname}`, () => this.#find("petname", petname));
  }

  byLabel(label: AddressLabel): Contact | undefined {
    return this.#cache.get(`label ${label}`, () => this.#find("label", label));
  }

  /** @throws Failure already-exists (petname, label, or the user's own label); invalid petname */
  add({ label, petname, state, how }: NewContact): Contact {
    const contact: Contact = {
      label,
      petname: checkPetname(petname),
      state,
      how,
      accountState: undefined,
      epoch: 0,
      createdAt: this.#options.now(),
    };
    return this.#database.transaction(() => {
      if (label === this.#options.own?.label) throw new Failure("already-exists", "that is your own address");
      const known = this.byLabel(label);
      if (known !== undefined)
        throw new Failure("already-exists", `that address is your contact ${known.petname} already`);
      this.#requireFree(petname);
      this.#database.sqlite
        .prepare("INSERT INTO contact (label, petname, state, how, created_at) VALUES (?, ?, ?, ?, ?)")
        .run(label, petname, state, how, contact.createdAt);
      this.#cache.changed();
      return contact;
    });
  }

  /** @throws Failure nonexistent, already-exists, invalid */
  rename(label: AddressLabel, petname: string): void {
    checkPetname(petname);
    this.#database.transaction(() => {
      this.#require(label);
      this.#requireFree(petname, label);
      this.#database.sqlite.prepare("UPDATE contact SET petname = ? WHERE label = ?").run(petname, label);
      this.#cache.changed();
    });
  }

  /** @throws Failure nonexistent; forbidden for one that is revoked: it must be removed and met again */
  setState(label: AddressLabel, state: ContactState): void {
    this.#database.transaction(() => {
      const contact = this.#require(label);
      if (contact.state === "revoked" && state !== "revoked")
        throw new Failure("forbidden", `${contact.petname} is revoked: remove the contact and exchange a new invite`);
      this.#database.sqlite.prepare("UPDATE contact SET state = ? WHERE label = ?").run(state, label);
      this.#cache.changed();
    });
  }

  /** Forgets the contact and its pinned state. @throws Failure nonexistent */
  remove(label: AddressLabel): void {
    this.#database.transaction(() => {
      this.#require(label);
      this.#database.sqlite.prepare("DELETE FROM contact WHERE label = ?").run(label);
      this.#decoded.delete(label);
      this.#cache.changed();
    });
  }

  /**
   * Verifies the bytes, compares them with what is pinned, and keeps them if they are newer. A fork freezes the contact;
   * it stays frozen until setState, even if M settles the fork.
   * @throws Failure nonexistent
   */
  pinAccountState(label: AddressLabel, bytes: Uint8Array): PinOutcome {
    return this.#database.transaction(() => {
      const contact = this.#require(label);
      const verification = verifyAccountState(bytes, this.#options.now());
      if (verification.kind === "invalid") return verification;
      const { signed } = verification;
      if (addressLabel(signed.state.masterPublicKey) !== label)
        return { kind: "invalid", why: "the state of another identity" };
      const outcome = pin(this.#decode(contact), signed);
      if (outcome.kind === "pinned") this.#setPin(label, signed);
      if (outcome.kind === "fork" && contact.state !== "revoked") this.setState(label, "frozen");
      return outcome;
    });
  }

  /** Pins what was pinned elsewhere, however old it is by now. False where it is no state of this contact's. @throws Failure nonexistent */
  restorePin(label: AddressLabel, bytes: Uint8Array): boolean {
    this.#require(label);
    const verification = decodeAccountState(bytes);
    if (verification.kind === "invalid") return false;
    const { signed } = verification;
    if (addressLabel(signed.state.masterPublicKey) !== label) return false;
    this.#setPin(label, signed);
    return true;
  }

  /** The pinned state; undefined before the first, and for a contact that is not known. */
  accountState(label: AddressLabel): SignedAccountState | undefined {
    const contact = this.byLabel(label);
    return contact && this.#decode(contact);
  }

  /** True only for a device key in the pinned state of a contact that is neither frozen nor revoked, or of the user's own identity. */
  isTrustedDevice(label: AddressLabel, deviceId: number, identityKey: Uint8Array): boolean {
    return (
      this.#trustedState(label)?.state.devices.some(
        (device) => device.deviceId === deviceId && device.identityKey.equals(identityKey),
      ) ?? false
    );
  }

  #trustedState(label: AddressLabel): SignedAccountState | undefined {
    if (label === this.#options.own?.label) return this.#options.own.accountState();
    const contact = this.byLabel(label);
    if (contact === undefined || contact.state === "frozen" || contact.state === "revoked") return undefined;
    return this.#decode(contact);
  }

  #decode({ label, accountState }: Contact): SignedAccountState | undefined {
    if (accountState === undefined) return undefined;
    // Compared with the row each time: a pin that was rolled back must not live on here.
    const known = this.#decoded.get(label);
    if (known?.bytes.equals(accountState)) return known;
    const verification = decodeAccountState(accountState);
    if (verification.kind === "invalid") throw new Error(`a pinned account state: ${verification.why}`);
    if (this.#decoded.size >= DECODED_PINS_MAX) this.#decoded.clear();
    this.#decoded.set(label, verification.signed);
    return verification.signed;
  }

  #setPin(label: AddressLabel, { bytes, state }: SignedAccountState): void {
    this.#database.sqlite
      .prepare("UPDATE contact SET account_state = ?, epoch = ? WHERE label = ?")
      .run(bytes, state.epoch, label);
    this.#cache.changed();
  }

  #find(column: "label" | "petname", value: string): Contact | undefined {
    const row = this.#database.sqlite.prepare(`SELECT ${COLUMNS} FROM contact WHERE ${column} = ?`).get(value);
    return row === undefined ? undefined : toContact(row);
  }

  #require(label: AddressLabel): Contact {
    const contact = this.byLabel(label);
    if (contact === undefined) throw new Failure("nonexistent", "there is no such contact");
    return contact;
  }

  #requireFree(petname: string, except?: AddressLabel): void {
    const holder = this.byPetname(petname);
    if (holder !== undefined && holder.label !== except)
      throw new Failure("already-exists", `you call somebody else ${holder.petname}: choose another petname`);
  }
}

function toContact(row: unknown): Contact {
  const contact = row as Omit<Contact, "accountState"> & { readonly accountState: Buffer | null };
  return { ...contact, accountState: contact.accountState ?? undefined };
}

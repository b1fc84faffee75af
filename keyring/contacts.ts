import type { AddressLabel } from "../foundation/address.ts";
import type { Database, Schema } from "../foundation/database.ts";
import type { SignedAccountState } from "./account-state.ts";
import type { PinOutcome } from "./pin.ts";

export const contactsSchema: Schema = { part: "contacts", migrations: [] };

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

export interface ContactsOptions {
  readonly now: () => number;
  /** The user's own identity: its devices are trusted too. */
  readonly own?: { readonly label: AddressLabel; accountState(): SignedAccountState };
}

/** A petname in the one spelling that is kept (lower case). @throws Failure invalid, saying what is allowed */
export function checkPetname(_petname: string): string {
  throw new Error("not written");
}

/** The people this identity knows. All methods are synchronous and join the caller's transaction. */
export class Contacts {
  constructor(_database: Database, _options: ContactsOptions) {
    throw new Error("not written");
  }

  /** By petname, ascending. */
  list(): Contact[] {
    throw new Error("not written");
  }

  byPetname(_petname: string): Contact | undefined {
    throw new Error("not written");
  }

  byLabel(_label: AddressLabel): Contact | undefined {
    throw new Error("not written");
  }

  /** @throws Failure already-exists (petname or label), invalid */
  add(_contact: {
    readonly label: AddressLabel;
    readonly petname: string;
    readonly state: ContactState;
    readonly how: ContactOrigin;
  }): Contact {
    throw new Error("not written");
  }

  /** @throws Failure nonexistent, already-exists, invalid */
  rename(_label: AddressLabel, _petname: string): void {
    throw new Error("not written");
  }

  /** @throws Failure nonexistent; forbidden for one that is revoked */
  setState(_label: AddressLabel, _state: ContactState): void {
    throw new Error("not written");
  }

  /** @throws Failure nonexistent */
  remove(_label: AddressLabel): void {
    throw new Error("not written");
  }

  /** Verifies the bytes, compares them with what is pinned, and keeps them if newer; a fork freezes the contact. @throws Failure nonexistent */
  pinAccountState(_label: AddressLabel, _bytes: Uint8Array): PinOutcome {
    throw new Error("not written");
  }

  /** The pinned state, decoded; undefined before the first. */
  accountState(_label: AddressLabel): SignedAccountState | undefined {
    throw new Error("not written");
  }

  /** True only for a device key in the pinned state of a contact that is neither frozen nor revoked, or of the user's own identity. */
  isTrustedDevice(_label: AddressLabel, _deviceId: number, _identityKey: Uint8Array): boolean {
    throw new Error("not written");
  }
}

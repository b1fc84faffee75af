import type { AddressLabel } from "../foundation/address.ts";
import type { Database, Schema } from "../foundation/database.ts";
import type { AccountState, SignedAccountState } from "./account-state.ts";
import type { RandomSource } from "./random.ts";

export const identitySchema: Schema = { part: "keyring", migrations: [] };

/** The user's own identity, as this device holds it. All methods are synchronous and join the caller's transaction. */
export interface Identity {
  readonly label: AddressLabel;
  readonly masterPublicKey: Buffer;
  /** This device's id in the account state. */
  readonly deviceId: number;
  /** `age1...`; public. */
  readonly recoveryRecipient: string;
  /** `localPart@<label>.postern.alt` */
  address(localPart: string): string;
  accountState(): SignedAccountState;
  /** Ed25519 by K over `context || 0x00 || message`. */
  signWithAdmin(context: string, message: Uint8Array): Buffer;
  /** Stores and returns the next epoch, signed by K. */
  changeAccountState(
    change: (state: AccountState) => Partial<Pick<AccountState, "devices" | "revoked" | "relays">>,
  ): SignedAccountState;
  /** Until the user has written it down; a secret. */
  masterSeed(): Buffer | undefined;
  /** Overwrites the seed on disk; the paper is then the only copy. */
  forgetMasterSeed(): void;
  /** A new admin key, certified by M for a year from now; the state that announces it is signed by M and beats all before. @throws Failure forbidden for another identity's seed */
  renewAdminKey(masterSeed: Uint8Array, now: number): SignedAccountState;
}

export interface NewIdentity {
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly random: RandomSource;
  readonly device: { readonly identityKey: Uint8Array; readonly registrationId: number; readonly deviceId?: number };
  /** From newMasterSeed or from paper; a new one where absent. */
  readonly masterSeed?: Uint8Array;
  readonly relays?: readonly string[];
}

/** @throws Failure already-exists */
export function createIdentity(_database: Database, _options: NewIdentity): Identity {
  throw new Error("not written");
}

/** undefined where none was created yet. */
export function loadIdentity(_database: Database, _random: RandomSource): Identity | undefined {
  throw new Error("not written");
}

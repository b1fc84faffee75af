import { formatAddress } from "../../foundation/address.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Identity } from "../../keyring/identity.ts";
import { wordsToSeed } from "../../keyring/paper-key.ts";
import { recoveryIdentity } from "../../keyring/recovery-identity.ts";
import type { RecoverySecrets } from "../../keyring/recovery-secret.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import { OWN_LOCAL_PART } from "../account.ts";
import type { Operations } from "./operations.ts";

/** What the operations need of an opened home. */
export interface RecoveryHome {
  readonly identity: Identity;
  readonly contacts: Contacts;
  readonly overlay: Overlay;
  readonly recovery: RecoverySecrets;
}

export function recoveryOperations(home: () => RecoveryHome): Pick<Operations, "recovery" | "keepRecoveryRecord"> {
  return {
    async recovery() {
      const { recovery, overlay, contacts } = home();
      const recovered = recovery.recovered();
      if (recovered === undefined)
        throw new Failure(
          "nonexistent",
          "this home was not made from the paper key: there is nothing to recover in it",
        );
      const states = new Map(overlay.reached().map(({ label, state }) => [label, state]));
      return {
        recoveredAt: new Date(recovered.at).toISOString(),
        ...(recovered.recordedAt !== undefined && { recordedAt: new Date(recovered.recordedAt).toISOString() }),
        contacts: contacts.list().flatMap(({ label, petname, state: verification }) => {
          const state = states.get(label);
          if (state === undefined) return [];
          return [{ petname, address: formatAddress(OWN_LOCAL_PART, label), verification, state }];
        }),
      };
    },

    async keepRecoveryRecord({ words }) {
      const { recovery, identity } = home();
      const seed = wordsToSeed(words);
      if (seed === undefined || recoveryIdentity(seed).recipient !== identity.recoveryRecipient)
        throw new Failure("forbidden", "these words are not this home's paper key");
      if (recovery.current() !== undefined) return { kept: false };
      recovery.begin(seed);
      return { kept: true };
    },
  };
}

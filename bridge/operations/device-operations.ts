import type { Database } from "../../foundation/database.ts";
import { Failure } from "../../foundation/failure.ts";
import type { Identity } from "../../keyring/identity.ts";
import { wordsToSeed } from "../../keyring/paper-key.ts";
import type { RecoverySecrets } from "../../keyring/recovery-secret.ts";
import type { Overlay } from "../../overlay-adapter/overlay.ts";
import type { Operations } from "./operations.ts";

/** What the operations need of an opened home. */
export interface DeviceHome {
  readonly db: Database;
  readonly identity: Identity;
  readonly overlay: Overlay;
  readonly recovery: RecoverySecrets;
}

export function deviceOperations(
  home: () => DeviceHome,
  now: () => number = Date.now,
): Pick<Operations, "devices" | "renewAdminKey" | "revokeDevice"> {
  return {
    async devices() {
      const { identity } = home();
      const { devices } = identity.accountState().state;
      return { devices: devices.map(({ deviceId }) => ({ device: deviceId, own: deviceId === identity.deviceId })) };
    },

    async renewAdminKey({ words }) {
      const { db, identity, overlay } = home();
      const seed = words === undefined ? identity.masterSeed() : wordsToSeed(words);
      if (seed === undefined) throw noWords(words);
      const { certificate } = db.transaction(() => {
        const { state } = identity.renewAdminKey(seed, now());
        overlay.announceState();
        return state;
      });
      return { renewedUntil: new Date(certificate.expiresAt).toISOString() };
    },

    async revokeDevice({ device, words, adminKey = false }) {
      const { db, identity, overlay, recovery } = home();
      const isListed = identity.accountState().state.devices.some(({ deviceId }) => deviceId === device);
      if (!isListed && device !== identity.deviceId)
        throw new Failure(
          "nonexistent",
          `there is no device ${device}: postern revoke --list names those that there are`,
        );
      if (adminKey) {
        if (device === identity.deviceId)
          throw new Failure("invalid", "this installation cannot revoke itself without the paper key");
        db.transaction(() => {
          identity.revokeDevice(device);
          overlay.announceState();
        });
        return { revoked: device, renewed: false };
      }
      const seed = words === undefined ? identity.masterSeed() : wordsToSeed(words);
      if (seed === undefined) throw noWords(words);
      // Whoever has a device has a copy of the keys that this home had then; the old ones of this installation go too.
      await overlay.becomeNewDevice(() => {
        identity.renewAdminKey(seed, now(), device === identity.deviceId ? [] : [device]);
        recovery.renew(seed);
      });
      return { revoked: device, renewed: true };
    },
  };
}

function noWords(words: string | undefined): Failure {
  return words === undefined
    ? new Failure("forbidden", "the paper key is no longer on this machine: type its 24 words")
    : new Failure("invalid", "these are not the 24 words of a paper key: one is misspelt, missing, or elsewhere");
}

import { randomBytes, randomInt } from "node:crypto";
import type { Database } from "../../foundation/database.ts";
import { Contacts } from "../../keyring/contacts.ts";
import { createDevice } from "../../keyring/device.ts";
import { createIdentity, type Identity, restoreIdentity } from "../../keyring/identity.ts";
import { DEVICE_ID_MAX } from "../../keyring/limits.ts";
import { RecoverySecrets, recoverySecret } from "../../keyring/recovery-secret.ts";
import { tlsCarrier } from "../../overlay-adapter/carriers/tls-carrier.ts";
import { openOverlay } from "../../overlay-adapter/overlay.ts";
import type { RecordSearch } from "../../overlay-adapter/recovery/find-record.ts";
import { noteTraces } from "../../overlay-adapter/recovery/record-keeper.ts";
import { restoreRecord } from "../../overlay-adapter/recovery/restore-record.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";

export interface RecoveringAccount {
  /** Without an identity. */
  readonly db: Database;
  readonly home: string;
  readonly masterSeed: Buffer;
  /** What the relays had. */
  readonly search: RecordSearch;
  /** The own ones from now on, with their tokens; the preferred one first. */
  readonly relays: readonly RelayAddress[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** Device ids that an older record may not know of are stepped over. */
const SKIPPED_IDS = 8;

/**
 * Makes a new device of an identity: certified by the paper key, all others revoked, with queues of its own, and with what
 * every contact of the record is to be told. Nothing is sent; a bridge that starts on it does. The seed is not kept.
 */
export async function recoverAccount(recovering: RecoveringAccount): Promise<Identity> {
  const { db, home, masterSeed, search, relays, now } = recovering;
  const { found, traces } = search;
  const secrets = new RecoverySecrets(db);
  // Whoever has the lost device has the secret of the record that was found: it goes, once there is one of the next.
  for (const { generation } of traces) secrets.add(recoverySecret(masterSeed, generation));
  secrets.renew(masterSeed);
  noteTraces(db, traces);
  secrets.setRecovered(now, found?.version);
  const [preferred, ...spareRelays] = relays;
  if (found === undefined || preferred === undefined) return newIdentity(db, masterSeed, now);

  const { record } = found;
  const identity = restoreIdentity(db, {
    random: randomBytes,
    masterSeed,
    accountState: record.accountState,
    highestDeviceId: Math.min(DEVICE_ID_MAX - 1, record.highestDeviceId + randomInt(SKIPPED_IDS)),
  });
  const device = createDevice(db, { random: randomBytes, deviceId: identity.deviceId });
  const contacts = new Contacts(db, { now: () => now, own: identity });
  db.transaction(() =>
    restoreRecord(record, { db, contacts, relays: [preferred, ...spareRelays], random: randomBytes }),
  );
  const overlay = openOverlay({
    db,
    home,
    identity,
    contacts,
    device,
    relay: preferred,
    spareRelays,
    // It is never started.
    carrier: tlsCarrier(),
    receiver: { receive: () => Promise.reject(new Error("not started")) },
  });
  const lost = identity.accountState().state.devices.map(({ deviceId }) => deviceId);
  await overlay.becomeNewDevice(() => {
    identity.renewAdminKey(
      masterSeed,
      now,
      lost.filter((deviceId) => deviceId !== identity.deviceId),
    );
  });
  await overlay.close();
  return identity;
}

function newIdentity(db: Database, masterSeed: Buffer, now: number): Identity {
  const deviceId = 1 + randomInt(SKIPPED_IDS * 4);
  const { identityKey, registrationId } = createDevice(db, { random: randomBytes, deviceId });
  const identity = createIdentity(db, {
    now,
    random: randomBytes,
    masterSeed,
    device: { identityKey, registrationId, deviceId },
  });
  identity.forgetMasterSeed();
  return identity;
}

import { addressLabel } from "../../../foundation/address.ts";
import { ByteWriter } from "../../../foundation/bytes.ts";
import { signAccountState } from "../../../keyring/account-state.ts";
import { issueCertificate } from "../../../keyring/admin-certificate.ts";
import { signingKey } from "../../../keyring/ed25519.ts";
import type { QueueAddress } from "../../../overlay-adapter/queues/queue-address.ts";

/** What somebody's bridge shows of itself; the same in every run, so that a seed gives the same inputs. */
const master = signingKey(Buffer.alloc(32, 1));
const admin = signingKey(Buffer.alloc(32, 2));
const ISSUED = 1_790_000_000_000;
const YEAR = 365 * 24 * 3_600_000;

const curveKey = (octet: number) => Buffer.concat([Buffer.of(5), Buffer.alloc(32, octet)]);

export const LABEL = addressLabel(master.publicKey);

export const QUEUE: QueueAddress = {
  relay: { host: "relay.example", port: 5224, pin: Buffer.alloc(32, 3) },
  senderId: Buffer.alloc(24, 4),
  senderKey: Buffer.alloc(32, 5),
  queueKey: Buffer.alloc(32, 6),
};

export const ACCOUNT_STATE = signAccountState(
  {
    masterPublicKey: master.publicKey,
    epoch: 1,
    prevHash: Buffer.alloc(32),
    certificate: issueCertificate(master, admin.publicKey, ISSUED, ISSUED + YEAR),
    devices: [{ deviceId: 1, registrationId: 4711, identityKey: curveKey(7) }],
    revoked: [curveKey(8)],
    relays: ["postern-relay://relay.example:5224/pin"],
  },
  admin,
).bytes;

/** Prekeys of the right shape (device-bundle.ts); their signatures are nobody's, which shows when a session begins. */
export const DEVICE_BUNDLE = new ByteWriter()
  .u8(1)
  .u8(1)
  .u16(4711)
  .raw(curveKey(9))
  .u32(1)
  .raw(curveKey(10))
  .raw(Buffer.alloc(64, 11))
  .u32(2)
  .raw(Buffer.concat([Buffer.of(8), Buffer.alloc(1568, 12)]))
  .raw(Buffer.alloc(64, 13))
  .u8(1)
  .u32(3)
  .raw(curveKey(14))
  .bytes();

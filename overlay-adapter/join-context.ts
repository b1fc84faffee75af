import type { AddressLabel } from "../foundation/address.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Database } from "../foundation/database.ts";
import type { KeyedMutex } from "../foundation/mutex.ts";
import type { Contacts } from "../keyring/contacts.ts";
import type { Device } from "../keyring/device.ts";
import type { RelayAddress } from "../relay/relay-url.ts";
import type { Chains } from "./chain.ts";
import type { OverlayEvent } from "./events.ts";
import type { Outbox } from "./outbox.ts";
import type { OverlayIdentity } from "./ports.ts";
import type { Queues } from "./queues.ts";
import type { RelayClient } from "./relay-client.ts";

/** What making and accepting invites takes. */
export interface JoinContext {
  readonly db: Database;
  readonly identity: OverlayIdentity;
  readonly contacts: Contacts;
  readonly device: Device;
  readonly queues: Queues;
  readonly chains: Chains;
  readonly outbox: Outbox;
  readonly client: RelayClient;
  /** The own relay, with its token. */
  readonly relay: RelayAddress;
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
  readonly emit: (event: OverlayEvent) => void;
  /** Begins to read an own queue, or looks at its new state. */
  readonly read: (queue: number) => void;
  readonly wakeInvite: (id: string) => void;
  readonly wakeSender: (label: AddressLabel) => void;
}

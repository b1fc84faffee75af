import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { KeyedMutex } from "../../foundation/mutex.ts";
import type { ContactOrigin, ContactState, Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { OverlayEvent } from "../events.ts";
import type { Chains } from "../letters/chain.ts";
import type { Outbox } from "../letters/outbox.ts";
import type { OverlayIdentity } from "../ports.ts";
import type { Queues } from "../queues/queues.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import type { ContactCompanion } from "./contact-companion.ts";
import type { Invites } from "./invites.ts";
import type { Joins } from "./joins.ts";
import type { Phrases } from "./phrases.ts";

/** How far a contact is known at first. Only a spoken code leaves no room for somebody in between. */
export const MET_STATE: Readonly<Record<ContactOrigin, ContactState>> = {
  invite: "invited",
  "spoken-code": "verified",
  introduction: "introduced",
};

/** What making and accepting invites takes. */
export interface JoinContext {
  readonly db: Database;
  readonly identity: OverlayIdentity;
  readonly contacts: Contacts;
  readonly device: Device;
  readonly queues: Queues;
  readonly chains: Chains;
  readonly outbox: Outbox;
  readonly phrases: Phrases;
  readonly client: RelayClient;
  /** The own relay, with its token. */
  readonly relay: RelayAddress;
  /** Contents of control letters that follow the hello at once, so that the host knows what this bridge can do. */
  readonly afterHello: () => readonly Buffer[];
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  readonly clock: Clock;
  readonly random: (length: number) => Buffer;
  /** Joins the caller's transaction, where the event is one that must not get lost. */
  readonly emit: (event: OverlayEvent) => void;
  /** Begins to read an own queue, or looks at its new state. */
  readonly read: (queue: number) => void;
  /** Whether the meeting with this id, which is no invite, is with this identity. */
  readonly expects: (id: string, label: AddressLabel) => boolean;
  /** The two are contacts now; in the transaction that makes them so. */
  readonly met: (id: string, label: AddressLabel) => void;
  readonly companion: ContactCompanion;
  readonly wakeInvite: (id: string) => void;
  readonly wakeSender: (label: AddressLabel) => void;
}

/** What a spoken code and an introduction go on with, once the two share a secret: the host as an invite, the guest as a join. */
export interface MeetingParts {
  readonly invites: Invites;
  readonly joins: Joins;
  readonly wakeJoin: (id: string) => void;
}

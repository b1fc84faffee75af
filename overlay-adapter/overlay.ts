import type { AddressLabel } from "../foundation/address.ts";
import type { Clock } from "../foundation/clock.ts";
import type { Content } from "../foundation/content.ts";
import type { Database } from "../foundation/database.ts";
import type { Logger } from "../foundation/logger.ts";
import type { ContactOrigin, Contacts } from "../keyring/contacts.ts";
import type { Device } from "../keyring/device.ts";
import type { RecoverySecrets } from "../keyring/recovery-secret.ts";
import type { RelayAddress } from "../relay/relay-url.ts";
import type { Carrier } from "./carriers/carrier.ts";
import type { Carrying } from "./carry/carry.ts";
import type { ContactCompanion } from "./contacts/contact-companion.ts";
import type { Meetings } from "./contacts/meetings.ts";
import type { LetterFailure, OverlayEvent, WaitReason } from "./events.ts";
import type { Progress } from "./letters/letter-progress.ts";
import type { Gap } from "./letters/missing-letters.ts";
import { OpenOverlay } from "./open-overlay.ts";
import type { LetterReceiver, OverlayIdentity } from "./ports.ts";
import type { ReceiptPolicy } from "./receipts/receipts-due.ts";
import type { Reached } from "./recovery/reached.ts";
import type { RelayClient, RelayClientOptions } from "./relay-client/relay-client.ts";

export interface OverlayOptions {
  /** The shared encrypted database. */
  readonly db: Database;
  /** The bridge's home; large letters wait encrypted in its `outbox` folder. */
  readonly home: string;
  readonly identity: OverlayIdentity;
  readonly contacts: Contacts;
  readonly device: Device;
  /** The own relay, with its token. */
  readonly relay: RelayAddress;
  /** Further relays of one's own, with their tokens: queues move there when the first one does not answer any more. */
  readonly spareRelays?: readonly RelayAddress[];
  readonly carrier: Carrier;
  /** Carries what goes to contacts' relays; `carrier` unless given. */
  readonly sendingCarrier?: Carrier;
  readonly receiver: LetterReceiver;
  readonly clock?: Clock;
  readonly logger?: Logger;
  /** That many random bytes; the system's unless given. */
  readonly random?: (length: number) => Buffer;
  readonly onEvent?: (event: OverlayEvent) => void;
  /** Whether and how late senders learn that their letters were taken; they do unless this says no. */
  readonly receipts?: ReceiptPolicy;
  /** Whether anybody wants to be told that a letter was delivered; in the transaction that records it. Always, unless given. */
  readonly isAskedFor?: (letter: Buffer, to: AddressLabel) => boolean;
  /** Large letters travel as blobs, to contacts that read them, and are read; not in scheduled mode. Only as cells unless given. */
  readonly blobs?: {
    /** False where the own relay is not always there for recipients to fetch from. */
    readonly send: boolean;
  };
  /** Keeps something beside contacts, in their transactions. */
  readonly companion?: ContactCompanion;
  /** What the recovery record is written with; there is none unless given. */
  readonly recovery?: RecoverySecrets;
  /** Makes the client of all relays; createRelayClient unless given. */
  readonly connect?: (options: RelayClientOptions) => RelayClient;
}

/** A letter's content, durable on disk but not yet on its way. */
export interface PreparedLetter {
  /** 16 random bytes; the same for all recipients. */
  readonly id: Buffer;
  /** Octets of the content. */
  readonly size: number;
  /** Removes what was spooled, if the letter was not enqueued. */
  discard(): Promise<void>;
}

export interface NewInvite {
  readonly name?: string;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  /** Whoever takes it becomes a contact only after `approveInvite`; else the first who takes it does, at once. */
  readonly asks?: boolean;
  /** Runs in the transaction that writes the invite down. */
  readonly alongside?: (made: { readonly id: string; readonly link: string }) => void;
}

export interface CreatedInvite {
  readonly id: string;
  /** `postern:...`, to be handed over on a way that nobody else reads. */
  readonly link: string;
  /** False while the relay does not hold the invite yet; it goes there as soon as the relay can be reached. */
  readonly ready: boolean;
}

export type AcceptedInvite =
  /** The contact is there, and takes letters at once. */
  | { readonly kind: "joined"; readonly contact: AddressLabel; readonly petname: string }
  /** The relay cannot be reached now; it is tried again until it works or the invite expires. */
  | { readonly kind: "waiting"; readonly invite: string; readonly reason: string };

/** A contact that is not one yet: an invite, or what takes its place after a spoken code or an introduction. */
export interface PendingInvite {
  readonly id: string;
  readonly how: ContactOrigin;
  readonly direction: "made" | "accepting";
  /** The petname that the contact will have; undefined where none was given. */
  readonly name: string | undefined;
  readonly expiresAt: number;
  /** `preparing`: not yet at the relay; `open`: waits to be taken; `asking`: waits for the user; `claiming`: waits for the relay; `greeted`: waits for the inviter's answer. */
  readonly state: "preparing" | "open" | "asking" | "claiming" | "greeting" | "greeted";
  /** Who asks to be let in. */
  readonly asker?: AddressLabel;
  /** Of an invite made here. */
  readonly link?: string;
}

export interface DeliveryStatus {
  readonly letter: Buffer;
  readonly to: AddressLabel;
  readonly state: "waiting" | "encrypted" | "relayed" | "delivered" | "failed";
  /** Why it failed, or waits. */
  readonly reason?: LetterFailure | WaitReason;
  /** Milliseconds since 1970. */
  readonly since: number;
  readonly size: number;
}

export interface OverlayStatus {
  /** Letters by recipient that wait for a relay. */
  readonly waiting: number;
  readonly failed: number;
  readonly connected: boolean;
  /** Cells dropped since the start, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** The oldest first, at most 1,000: what waits, what failed, and what was relayed of late. */
  readonly deliveries: readonly DeliveryStatus[];
}

export interface Overlay {
  /** Connects, finishes what was pending, and begins to send and receive. */
  start(): void;
  /** Stops; what is not done stays durable. */
  close(): Promise<void>;
  /**
   * Makes an invite and puts it on the own relay. The name is the petname that the contact will get.
   * @throws Failure("invalid" | "already-exists") for a petname that cannot be given
   */
  createInvite(options: NewInvite): Promise<CreatedInvite>;
  /**
   * Takes up somebody's invite; may be repeated with the same link.
   * @throws Failure with a text for a person: mistyped, expired, one's own, already a contact, used by somebody else
   */
  acceptInvite(link: string, petname: string): Promise<AcceptedInvite>;
  /** Lets in who asks, and only now. @throws Failure nonexistent, forbidden (burned meanwhile), unavailable */
  approveInvite(id: string): Promise<AddressLabel>;
  /** Withdraws an invite made here, or gives up one that is being accepted and is not answered yet. */
  cancelInvite(id: string): Promise<void>;
  pendingInvites(): readonly PendingInvite[];
  /** Deletes the queue that the contact writes into and forgets the session; letters to the contact that wait fail. */
  removeContact(label: AddressLabel): Promise<void>;
  /** Blocks: as removeContact, but the contact stays listed as revoked, and cannot come back by an invite. */
  blockContact(label: AddressLabel): Promise<void>;
  /** Nothing goes to this contact, and what comes waits at the relay, until `unfreezeContact`. @throws Failure forbidden */
  freezeContact(label: AddressLabel): void;
  /** @throws Failure forbidden where it is not frozen */
  unfreezeContact(label: AddressLabel): void;
  /** Four words that both sides see; undefined until the other side has answered. */
  safetyPhrase(label: AddressLabel): string | undefined;
  /** Makes the contact verified if these are the words. False if they are not. @throws Failure unavailable, forbidden */
  verifyContact(label: AddressLabel, words: string): boolean;
  /** Spoken codes and introductions. */
  readonly meetings: Meetings;
  /** Spools a letter's content, sealed; to be followed by enqueue or discard. @throws Failure("too-big" | "full") */
  prepare(content: Content): Promise<PreparedLetter>;
  /** Puts the letter on its way. Synchronous: runs inside the caller's transaction and is undone with it. */
  enqueue(letter: PreparedLetter, recipients: readonly AddressLabel[]): void;
  /** The own account state has changed: every contact is told. Synchronous, in the caller's transaction. */
  announceState(): void;
  /**
   * The paper key takes everything back that somebody else may have: in one transaction with what it signs in
   * `withPaper`, this installation gets new device keys under another id and new queues; every contact is told, and
   * begins a new session.
   */
  becomeNewDevice(withPaper: () => void): Promise<void>;
  /** How far each contact knows of this device, as after a recovery. */
  reached(): readonly Reached[];
  /** When the recovery record was last written whole; undefined where it lies nowhere. Milliseconds since 1970. */
  recordWrittenAt(): number | undefined;
  /** False where this installation was revoked or replaced by another: it neither sends nor reads. */
  readonly active: boolean;
  /** Confirms, in the caller's transaction, that the sender was told of a failed letter; the event is not repeated then. */
  settleFailure(letter: Uint8Array, to: AddressLabel): void;
  /** Confirms, in the caller's transaction, that the sender was told of a letter's progress; the event is not repeated then. */
  settleProgress(letter: Uint8Array, to: AddressLabel, progress: Progress): void;
  /** Confirms, in the caller's transaction, that the user was told of missing letters; the event is not repeated then. */
  settleGap(gap: Gap): void;
  /** Confirms, in the caller's transaction, that the user was told of what happened once, or need not be told. */
  settle(event: OverlayEvent): void;
  /** Cells that travel in folders, on a USB stick for instance, instead of through relays. */
  readonly carrying: Carrying;
  status(): OverlayStatus;
  /** Resolves when nothing waits to be sent and all that arrived is stored. */
  idle(): Promise<void>;
  /** Octets of the largest letter. */
  readonly sizeLimit: number;
}

/** Opens the overlay's tables and removes what no letter refers to any more; nothing is sent before `start`. */
export function openOverlay(options: OverlayOptions): Overlay {
  return new OpenOverlay(options);
}

import type { AccountTest } from "../../legacy-gateway/gateway.ts";
import type { ExportFormat, ExportProgress } from "../../maildir/export/export.ts";
import type { AccountProgress, AccountRequest, AccountResult } from "../../maildir/import/account/import-account.ts";
import type { ImportProgress } from "../../maildir/import/import.ts";
import type { Exported, Imported } from "../../overlay-adapter/carry/carry.ts";
import type { HostPort } from "../host-port.ts";
import type { RouteView } from "../network/carriers.ts";
import type { AcceptedOffer } from "../upgrade/upgrades.ts";

export interface ContactView {
  readonly petname: string;
  readonly address: string;
  /** `petname@postern.alt`, which RCPT TO takes too. */
  readonly shortAddress: string;
  readonly state: string;
  readonly how: string;
  /** What you call the one who introduced them. */
  readonly introducedBy?: string;
  /** Old e-mail addresses, letters to which go over the overlay. */
  readonly oldAddresses?: readonly string[];
  /** Four words to compare, once both sides have answered. */
  readonly phrase?: string;
}

export interface PendingInviteView {
  readonly id: string;
  readonly how: string;
  readonly name: string | undefined;
  readonly state: string;
  readonly expiresAt: string;
  /** The address of who asks to be let in. */
  readonly asker?: string;
}

export interface SpokenCodeView {
  readonly id: string;
  /** As in `7-guitar-lemon-orbit`. */
  readonly code: string;
  readonly role: string;
  readonly name: string;
  readonly state: string;
  readonly relay: string;
  readonly expiresAt: string;
}

export interface QueuedLetterView {
  /** Petname, or address of somebody who is no contact any more. */
  readonly to: string;
  readonly state: string;
  readonly since: string;
  /** Octets. */
  readonly size: number;
  /** Why it waits or failed, for a person. */
  readonly reason?: string;
}

export interface IntroductionView {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly introducer: string;
  readonly state: string;
  readonly coRecipient: boolean;
  readonly expiresAt: string;
}

export interface GatewayServerRequest {
  readonly host: string;
  readonly port: number;
  readonly security: "tls" | "starttls" | "none";
  /** PEM of an authority to trust instead of the system's. */
  readonly ca?: string;
  /** SHA-256 of the one certificate to trust. */
  readonly pin?: string;
}

/** How access tokens are got (RFC 6749), and where the user signs in for the first one. */
export interface GatewayOAuthRequest {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret?: string;
  readonly page?: string;
  readonly scope?: string;
  readonly redirectHost?: "127.0.0.1" | "localhost";
  /** PEM. */
  readonly ca?: string;
}

/** The user is to open this page in a browser on this machine. */
export interface SignInProgress {
  readonly page: string;
}

/** What is to be another; the rest stays. */
export interface GatewayChangeRequest {
  readonly address: string;
  readonly user?: string;
  readonly imap?: Partial<GatewayServerRequest>;
  readonly smtp?: Partial<GatewayServerRequest>;
  /** PEM, for all servers of the account. */
  readonly ca?: string;
  readonly proxy?: string;
  readonly direct?: boolean;
  readonly deleteAfterDays?: number;
  /** Letters stay at the provider. */
  readonly keep?: boolean;
  readonly sentCopy?: boolean;
}

/** An account at a provider of old e-mail. It holds a secret. */
export interface GatewayAddRequest {
  readonly address: string;
  /** The login, if it is not the address. */
  readonly user?: string;
  /** Or app password; with `oauth` a refresh token, and without it the user signs in. */
  readonly password?: string;
  readonly oauth?: GatewayOAuthRequest;
  /** Without it the address's domain is asked for its servers. */
  readonly imap?: GatewayServerRequest;
  readonly smtp?: GatewayServerRequest;
  /** `socks5://127.0.0.1:9050`; the overlay's where absent, unless `direct`. */
  readonly proxy?: string;
  readonly direct?: boolean;
  readonly folders: "merged" | "own";
  /** Letters go from the provider so many days after they came here; they stay where absent. */
  readonly deleteAfterDays?: number;
  readonly allowPlain: boolean;
  readonly sentCopy: boolean;
}

export interface GatewayAccountView {
  readonly address: string;
  readonly user: string;
  readonly imap: HostPort;
  readonly smtp?: HostPort;
  readonly proxy?: string;
  readonly folders: "merged" | "own";
  readonly deleteAfterDays?: number;
  readonly plain: "allowed" | "refused";
  readonly sentCopy: boolean;
  readonly state: "paused" | "off" | "connecting" | "fetching" | "watching" | "waiting";
  /** Why it waits, and whether the provider refused the login. */
  readonly reason?: string;
  readonly refused?: boolean;
  readonly nextTry?: string;
  readonly letters: {
    readonly folders: number;
    readonly total: number;
    readonly missing: number;
    readonly failed: number;
  };
}

/** An OpenPGP key of an old address, one's own or somebody else's. */
export interface GatewayKeyView {
  readonly address: string;
  readonly fingerprint: string;
  /** `own`, or where it came from. */
  readonly origin: string;
  /** It is encrypted to, and its signatures count. */
  readonly accepted: boolean;
  readonly fitness: "fit" | "expired" | "revoked" | "weak" | "unfit";
  readonly since: string;
}

/** How letters from an old address of one's own use OpenPGP. */
export interface GatewayKeyPreferences {
  readonly address: string;
  /** What the Autocrypt field asks of others. */
  readonly preferEncrypt: "mutual" | "nopreference";
  readonly signPlain: boolean;
}

/** What the user has said of letters to one old address. */
export interface GatewayPolicyView {
  readonly address: string;
  readonly policy?: string;
  readonly plainConfirmed: boolean;
}

/** Old contacts on their way to the overlay. */
export interface GatewayUpgradeView {
  readonly everybody: "off" | "encrypted" | "clear";
  /** What was said of single addresses. */
  readonly addresses: readonly { readonly address: string; readonly consent: "off" | "encrypted" | "clear" }[];
  /** That came in letters. */
  readonly invitations: readonly {
    /** As `invitation-7`. */
    readonly id: string;
    readonly address: string;
    /** The overlay address of who invites. */
    readonly inviter: string;
    readonly came: "signed" | "encrypted" | "clear";
    readonly state: string;
    readonly expiresAt: string;
  }[];
  /** Old addresses that are contacts' or are about to be. */
  readonly moved: readonly {
    readonly address: string;
    readonly contact: string;
    readonly verification: string;
    readonly state: "joining" | "moved" | "rival";
  }[];
}

export interface StatusView {
  readonly home: string;
  readonly running: boolean;
  readonly vault: "open" | "locked";
  readonly address?: string;
  readonly imap?: HostPort;
  readonly smtp?: HostPort;
  readonly caFile: string;
  readonly caFingerprint: string;
  readonly relay?: {
    readonly kind: "own" | "external";
    readonly address: string;
    /** Of the own relay as an onion service: Tor has taken it. */
    readonly published?: boolean;
  };
  /** How relays are reached. */
  readonly route?: RouteView;
  readonly contacts?: number;
  readonly pendingInvites?: number;
  readonly queue?: { readonly waiting: number; readonly failed: number };
  /** Contacts that are written to by hand, and cells of theirs that are not confirmed. */
  readonly carried?: { readonly contacts: number; readonly cells: number };
  readonly messages?: number;
  readonly gateway?: readonly GatewayAccountView[];
  readonly paperKeyKept?: boolean;
  /** When the recovery record was last written to every own relay; absent where it lies nowhere yet. */
  readonly recoveryRecord?: string;
  readonly memoryBytes?: number;
}

export interface RecoveryView {
  readonly recoveredAt: string;
  /** Of when the record was that told of the contacts; absent where none was found. */
  readonly recordedAt?: string;
  readonly contacts: readonly {
    readonly petname: string;
    readonly address: string;
    readonly verification: string;
    /** `waiting`, `told`, `answered`, `gone` or `lost`. */
    readonly state: string;
  }[];
}

/**
 * What one can ask of a bridge from the command line, whether it runs or was opened just for this. What takes long tells
 * how far it is, and stops, with what is done kept, when its signal is aborted.
 */
export interface Operations {
  status(): Promise<StatusView>;
  queue(): Promise<{ letters: QueuedLetterView[] }>;
  invite(request: { name?: string; ask?: boolean }): Promise<{ invite: string; id: string; expiresAt: string }>;
  /** By the invite's id, or its name. */
  approveInvite(request: { invite: string }): Promise<{ contact: ContactView }>;
  /** An invite, or whatever else is under way to become a contact; by id or name. */
  cancelPending(request: { which: string }): Promise<{ cancelled: string }>;
  accept(request: { invite: string; name: string }): Promise<{ contact: ContactView }>;
  makeCode(request: { name: string }): Promise<SpokenCodeView>;
  /** Waits a little for the other side; without a contact in the answer it goes on by itself. */
  takeCode(request: { code: string; name: string; at?: string }): Promise<SpokenCodeView & { contact?: ContactView }>;
  codes(): Promise<{ codes: SpokenCodeView[] }>;
  /** By id, code or name. */
  cancelCode(request: { which: string }): Promise<{ cancelled: string }>;
  introduce(request: { one: string; other: string }): Promise<{ introduced: [string, string] }>;
  introductions(): Promise<{ introductions: IntroductionView[] }>;
  /** By id, or the name that was given. */
  answerIntroduction(request: { which: string; accept: boolean; name?: string }): Promise<{ answered: string }>;
  contacts(): Promise<{ contacts: ContactView[]; pending: PendingInviteView[] }>;
  removeContact(request: { name: string }): Promise<{ removed: string }>;
  blockContact(request: { name: string }): Promise<{ contact: ContactView }>;
  freezeContact(request: { name: string; frozen: boolean }): Promise<{ contact: ContactView }>;
  renameContact(request: { name: string; to: string }): Promise<{ contact: ContactView }>;
  /** With the words that the contact sees it becomes verified; without, they are shown. */
  verify(request: { name: string; phrase?: string }): Promise<{ contact: ContactView; phrase: string }>;
  /** Letters to the contact travel in folders, or through relays again. */
  carryContact(request: { name: string; byHand: boolean }): Promise<{ name: string; byHand: boolean }>;
  carryExport(request: { directory: string }): Promise<Exported>;
  carryImport(request: { directory: string }): Promise<Imported>;
  addAppPassword(request: { name: string }): Promise<{ name: string; user: string; appPassword: string }>;
  listAppPasswords(): Promise<{ names: string[] }>;
  removeAppPassword(request: { name: string }): Promise<{ removed: string }>;
  paperKey(): Promise<{
    words: string;
    recoveryIdentity: string;
    recoveryRecipient: string;
    address: string;
    /** Where the recovery record lies, without tokens, to be written beside the words. */
    relays: string[];
    /** The first of them is this machine's own. */
    relayIsHere: boolean;
  }>;
  /** With the words of a paper key that this home does not have: the recovery record is kept from now on. */
  keepRecoveryRecord(request: { words: string }): Promise<{ kept: boolean }>;
  /** How far a home that was made from the paper key is. @throws Failure nonexistent, where it was not */
  recovery(): Promise<RecoveryView>;
  forgetPaperKey(): Promise<{ forgotten: true }>;
  /** Of the own identity, by their numbers. */
  devices(): Promise<{ devices: { device: number; own: boolean }[] }>;
  /** The paper key (its words, or the one that is still in the vault) certifies a new admin key for a year; contacts are told. */
  renewAdminKey(request: { words?: string }): Promise<{ renewedUntil: string }>;
  /**
   * With the paper key (its words, or the one that is still in the vault) the admin key is renewed too and this
   * installation becomes a new device; with the everyday key alone it does not.
   */
  revokeDevice(request: { device: number; words?: string; adminKey?: boolean }): Promise<{
    revoked: number;
    renewed: boolean;
  }>;
  /** Logs in, and keeps the account if that works. The request holds a secret. */
  gatewayAdd(
    request: GatewayAddRequest,
    onProgress?: (progress: SignInProgress) => void,
    signal?: AbortSignal,
  ): Promise<{ account: GatewayAccountView; tested: AccountTest }>;
  /** Logs in where the change has to do with that, and keeps it if that works. */
  gatewayChange(
    request: GatewayChangeRequest,
    onProgress?: (progress: never) => void,
    signal?: AbortSignal,
  ): Promise<{ account: GatewayAccountView; tested?: AccountTest }>;
  /** A new password or refresh token; without it the user signs in anew. The request holds a secret. */
  gatewayPassword(
    request: { address: string; password?: string },
    onProgress?: (progress: SignInProgress) => void,
    signal?: AbortSignal,
  ): Promise<{ account: GatewayAccountView; tested: AccountTest }>;
  gatewayList(): Promise<{ accounts: GatewayAccountView[] }>;
  gatewayTest(
    request: { address: string },
    onProgress?: (progress: never) => void,
    signal?: AbortSignal,
  ): Promise<AccountTest & { address: string }>;
  /** Whether letters may leave from there that providers can read. */
  gatewayPlain(request: { address: string; allowed: boolean }): Promise<{ account: GatewayAccountView }>;
  gatewayPause(request: { address: string }): Promise<{ account: GatewayAccountView }>;
  gatewayResume(request: { address: string }): Promise<{ account: GatewayAccountView }>;
  gatewayRemove(request: { address: string }): Promise<{ removed: string }>;
  /** Without `another`, the address must have none yet. */
  gatewayKeyMake(request: {
    address: string;
    name?: string;
    another?: boolean;
  }): Promise<{ address: string; fingerprint: string }>;
  /** From a file that the bridge can read; with a setup code, an Autocrypt setup message. The request holds a secret. */
  gatewayKeyImport(request: { path: string; passphrase?: string; setupCode?: string }): Promise<{
    imported: { readonly fingerprint: string; readonly addresses: readonly string[]; readonly secret: boolean }[];
  }>;
  /** The secret part only under a passphrase. */
  gatewayKeyExport(request: { address: string; secret?: boolean; passphrase?: string }): Promise<{ armored: string }>;
  gatewayKeyList(): Promise<{ keys: GatewayKeyView[] }>;
  gatewayKeyAccept(request: {
    address: string;
    fingerprint: string;
  }): Promise<{ address: string; fingerprint: string }>;
  /** Without a change, what holds so far. */
  gatewayKeyPrefer(request: {
    address: string;
    preferEncrypt?: string;
    signPlain?: boolean;
  }): Promise<GatewayKeyPreferences>;
  /** Without a change, what is said so far; `default` takes an address's own policy back. */
  gatewayPolicy(request: {
    address?: string;
    policy?: string;
    allowPlain?: boolean;
  }): Promise<{ policies: GatewayPolicyView[] }>;
  /** Old contacts are invited in letters, or not any more: all, or one; without a change, what is said and who has moved. */
  gatewayUpgrade(request: { invite?: boolean; address?: string; inTheClear?: boolean }): Promise<GatewayUpgradeView>;
  /** The invitation from an address, or of that id. */
  gatewayUpgradeAccept(request: { which: string; name?: string }): Promise<AcceptedOffer>;
  gatewayUpgradeRefuse(request: { which: string }): Promise<{ refused: string }>;
  /** Letters to the address go by e-mail again. */
  gatewayUpgradeBack(request: { address: string }): Promise<{ address: string; petname: string }>;
  /** An Autocrypt setup message for one's own other program, and the code that opens it. */
  gatewaySetupMessage(request: { address: string }): Promise<{ letter: string; code: string }>;
  importMail(
    request: { path: string; folder: string },
    onProgress?: (progress: ImportProgress) => void,
    signal?: AbortSignal,
  ): Promise<ImportProgress>;
  /** The request holds the account's password. */
  importAccount(
    request: AccountRequest,
    onProgress?: (progress: AccountProgress) => void,
    signal?: AbortSignal,
  ): Promise<AccountResult>;
  /** All folders where none is named. */
  exportMail(
    request: { path: string; folder?: string; format: ExportFormat },
    onProgress?: (progress: ExportProgress) => void,
    signal?: AbortSignal,
  ): Promise<ExportProgress>;
}

/** The operations by name, as the control connection calls them. */
export const OPERATION_NAMES = [
  "status",
  "queue",
  "invite",
  "approveInvite",
  "cancelPending",
  "accept",
  "makeCode",
  "takeCode",
  "codes",
  "cancelCode",
  "introduce",
  "introductions",
  "answerIntroduction",
  "contacts",
  "removeContact",
  "blockContact",
  "freezeContact",
  "renameContact",
  "verify",
  "carryContact",
  "carryExport",
  "carryImport",
  "addAppPassword",
  "listAppPasswords",
  "removeAppPassword",
  "paperKey",
  "forgetPaperKey",
  "keepRecoveryRecord",
  "recovery",
  "devices",
  "renewAdminKey",
  "revokeDevice",
  "gatewayAdd",
  "gatewayChange",
  "gatewayPassword",
  "gatewayList",
  "gatewayTest",
  "gatewayPlain",
  "gatewayPause",
  "gatewayResume",
  "gatewayRemove",
  "gatewayKeyMake",
  "gatewayKeyImport",
  "gatewayKeyExport",
  "gatewayKeyList",
  "gatewayKeyAccept",
  "gatewayKeyPrefer",
  "gatewaySetupMessage",
  "gatewayPolicy",
  "gatewayUpgrade",
  "gatewayUpgradeAccept",
  "gatewayUpgradeRefuse",
  "gatewayUpgradeBack",
  "importMail",
  "importAccount",
  "exportMail",
] as const satisfies readonly (keyof Operations)[];

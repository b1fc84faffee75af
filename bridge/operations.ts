import type { ExportFormat, ExportProgress } from "../maildir/export/export.ts";
import type { AccountProgress, AccountRequest, AccountResult } from "../maildir/import/account/import-account.ts";
import type { ImportProgress } from "../maildir/import/import.ts";
import type { RouteView } from "./carriers.ts";
import type { HostPort } from "./host-port.ts";

export interface ContactView {
  readonly petname: string;
  readonly address: string;
  /** `petname@postern.alt`, which RCPT TO takes too. */
  readonly shortAddress: string;
  readonly state: string;
  readonly how: string;
}

export interface PendingInviteView {
  readonly id: string;
  readonly name: string | undefined;
  readonly state: string;
  readonly expiresAt: string;
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
  readonly messages?: number;
  readonly paperKeyKept?: boolean;
  readonly memoryBytes?: number;
}

/**
 * What one can ask of a bridge from the command line, whether it runs or was opened just for this. What takes long tells
 * how far it is, and stops, with what is done kept, when its signal is aborted.
 */
export interface Operations {
  status(): Promise<StatusView>;
  invite(request: { name?: string }): Promise<{ invite: string; id: string; expiresAt: string }>;
  accept(request: { invite: string; name: string }): Promise<{ contact: ContactView }>;
  contacts(): Promise<{ contacts: ContactView[]; pending: PendingInviteView[] }>;
  removeContact(request: { name: string }): Promise<{ removed: string }>;
  addAppPassword(request: { name: string }): Promise<{ name: string; user: string; appPassword: string }>;
  listAppPasswords(): Promise<{ names: string[] }>;
  removeAppPassword(request: { name: string }): Promise<{ removed: string }>;
  paperKey(): Promise<{ words: string; recoveryIdentity: string; recoveryRecipient: string; address: string }>;
  forgetPaperKey(): Promise<{ forgotten: true }>;
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
  "invite",
  "accept",
  "contacts",
  "removeContact",
  "addAppPassword",
  "listAppPasswords",
  "removeAppPassword",
  "paperKey",
  "forgetPaperKey",
  "importMail",
  "importAccount",
  "exportMail",
] as const satisfies readonly (keyof Operations)[];

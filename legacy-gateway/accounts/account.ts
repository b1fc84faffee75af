import type { SocksProxy } from "../../foundation/proxy-url.ts";

/** `tls` from the first octet, `starttls` before the login, or neither, on this machine or where the user insists. */
export type Security = "tls" | "starttls" | "none";

/** How a server is known for what it is; by the system's authorities where both are absent. */
export interface Trust {
  /** PEM of the authority, or of the one certificate that is pinned. */
  readonly ca?: string;
  /** SHA-256 of the certificate, hexadecimal: this one, whatever names it has. */
  readonly pin?: string;
}

export interface Server extends Trust {
  readonly host: string;
  readonly port: number;
  readonly security: Security;
}

/** What proves to the provider who the user is; kept in the vault alone. */
export type Secret =
  | { readonly kind: "password"; readonly password: string }
  | {
      /** OAuth 2.0 (RFC 6749 section 6). */
      readonly kind: "oauth";
      readonly tokenUrl: string;
      readonly clientId: string;
      readonly clientSecret?: string;
      readonly refreshToken: string;
      /** Where and for what the user signed in, to do so again; absent where the refresh token was brought along. */
      readonly page?: string;
      readonly scope?: string;
      readonly redirectHost?: "127.0.0.1" | "localhost";
      /** PEM of the token server's authority, if it is not one of the system's. */
      readonly ca?: string;
    };

/** Letters stay at the provider, or go from there so many days after they came here (0: at once, when verified). */
export type Keeping = { readonly kind: "keep" } | { readonly kind: "delete"; readonly afterDays: number };

export interface AccountSettings {
  /** What the user is known by to old contacts. */
  readonly address: string;
  /** The login; mostly the address. */
  readonly user: string;
  readonly imap: Server;
  /** Without it nothing is sent. */
  readonly smtp?: Server;
  readonly proxy?: SocksProxy;
  /** The provider's folders become ours, INBOX INBOX; or all lie below a folder named after the account. */
  readonly folders: "merged" | "own";
  readonly keeping: Keeping;
  /** Whether letters may leave that the provider can read. */
  readonly plain: "allowed" | "refused";
  /** Whether what was sent is filed in the provider's Sent as well. */
  readonly sentCopy: boolean;
  /** Octets of a letter that the provider takes, as it said last; undefined where it does not say. */
  readonly sizeLimit?: number;
}

export interface Account extends AccountSettings {
  readonly id: number;
  readonly paused: boolean;
}

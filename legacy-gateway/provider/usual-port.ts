import type { Security } from "../accounts/account.ts";

/** Where servers listen: RFC 9051 section 2.1 and RFC 8314 section 3.3; with STARTTLS or nothing, RFC 9051 and RFC 6409 section 3.1. */
export function usualPort(kind: "imap" | "smtp", security: Security): number {
  if (kind === "imap") return security === "tls" ? 993 : 143;
  return security === "tls" ? 465 : 587;
}

import type { AccountSettings } from "./accounts/account.ts";

/** A provider does not let the user in, or is not to be trusted; it is tried again only now and then. */
export const REFUSED_SUBJECT = "Your mail provider refuses the login";

export function refusedText({ address }: Pick<AccountSettings, "address">, reason: string): string {
  return [
    `${address}: ${reason}`,
    `Nothing comes or goes until that is settled. A new password: postern gateway password ${address}`,
    `To look again at once: postern gateway test ${address}`,
  ].join("\n\n");
}

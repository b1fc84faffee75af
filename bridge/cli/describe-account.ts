import type { GatewayAccountView } from "../operations/operations.ts";

/** One line about an old address: what it is doing, and how far it is. */
export function describeAccount(account: GatewayAccountView): string {
  const { state, reason, nextTry, letters } = account;
  const failed = letters.failed === 0 ? "" : `; the provider does not hand out ${letters.failed}`;
  switch (state) {
    case "paused":
      return "paused (postern gateway resume)";
    case "off":
      return "not running: the bridge does not run, or the vault is locked";
    case "connecting":
      return "connecting";
    case "fetching":
      return `fetching: ${letters.total - letters.missing} of ${letters.total} letters in ${letters.folders} folders${failed}`;
    case "watching":
      return `up to date: ${letters.total} letters in ${letters.folders} folders${failed}`;
    case "waiting":
      return `waiting until ${nextTry}: ${reason}`;
  }
}

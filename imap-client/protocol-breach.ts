import { errorCode } from "../foundation/failure.ts";

/** The server broke the protocol; the connection is not to be used on. */
export class ProtocolBreach extends Error {
  override name = "ProtocolBreach";
}

/** Whether the server has said that it has no such folder; imapflow asks once more to be sure. */
export function isNoSuchFolder(error: unknown): boolean {
  return errorCode(error) === "NotFound";
}

/** Whether the server itself said no to a command (RFC 9051 section 7.1); after any other error nothing is certain any more. */
export function isRefusedCommand(error: unknown): boolean {
  const { responseStatus } = error as { responseStatus?: unknown };
  return responseStatus === "NO" || responseStatus === "BAD";
}

/** The server broke the protocol; the connection is not to be used on. */
export class ProtocolBreach extends Error {
  override name = "ProtocolBreach";
}

/** Whether the server itself said no to a command (RFC 9051 section 7.1); after any other error nothing is certain any more. */
export function isRefusedCommand(error: unknown): boolean {
  const { responseStatus } = error as { responseStatus?: unknown };
  return responseStatus === "NO" || responseStatus === "BAD";
}

import { Failure, type FailureCode } from "../foundation/failure.ts";

/** A command was not carried out, and this is what the client is told: `tag NO [CODE] text`. The codes are those of RFC 5530. */
export class CommandFailure extends Error {
  override name = "CommandFailure";
  readonly status: "NO" | "BAD";
  readonly code: string | undefined;

  constructor(status: "NO" | "BAD", code: string | undefined, text: string, options?: ErrorOptions) {
    super(text, options);
    this.status = status;
    this.code = code;
  }
}

/** A sequence number in a command, after the client enabled UIDONLY (RFC 9586 section 3). */
export function uidRequired(advice: string): CommandFailure {
  return new CommandFailure("BAD", "UIDREQUIRED", `UIDONLY was enabled: ${advice}`);
}

const CODES: Readonly<Record<FailureCode, string>> = {
  nonexistent: "NONEXISTENT",
  "already-exists": "ALREADYEXISTS",
  forbidden: "CANNOT",
  invalid: "CANNOT",
  "too-big": "TOOBIG",
  full: "OVERQUOTA",
  damaged: "CORRUPTION",
  locked: "UNAVAILABLE",
  unavailable: "UNAVAILABLE",
  busy: "INUSE",
};

/** What a store's failure is called on the wire; undefined for anything that is not an expected failure. */
export function failureReply(error: unknown): CommandFailure | undefined {
  if (error instanceof CommandFailure) return error;
  if (error instanceof Failure) return new CommandFailure("NO", CODES[error.code], error.message, { cause: error });
  return undefined;
}

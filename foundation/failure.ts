/** Why something that was asked for was not done. Fronts turn it into their protocol's code, the command line into a line. */
export type FailureCode =
  | "nonexistent"
  | "already-exists"
  | "forbidden"
  | "invalid"
  | "too-big"
  /** The disk or a quota is full; nothing was stored. */
  | "full"
  /** A file is missing or its bytes do not authenticate. */
  | "damaged"
  /** The vault is closed, or the secret does not open it. */
  | "locked"
  /** Something outside cannot be reached just now; worth trying again. */
  | "unavailable"
  /** Another process or task holds it. */
  | "busy";

/** An expected failure with a name; the message is for a person and says what to do next. It holds no secret. */
export class Failure extends Error {
  override name = "Failure";
  readonly code: FailureCode;

  constructor(code: FailureCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The code that Node and SQLite put on their errors, `ENOENT` for instance; empty where there is none. */
export function errorCode(error: unknown): string {
  // Not by `instanceof Error`: errors of Node's own modules come from another realm where a test runner makes one.
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}

/** Turns what the file system and SQLite say of a full or read-only disk into a Failure; anything else comes back as it is. */
export function storageFailure(error: unknown): unknown {
  const code = errorCode(error);
  // SHMSIZE: no room for the index of SQLite's log.
  if (["ENOSPC", "EDQUOT", "SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"].includes(code))
    return new Failure("full", "the disk is full: free some space and try again", { cause: error });
  if (code === "EROFS" || code === "EACCES" || code.startsWith("SQLITE_READONLY"))
    return new Failure("forbidden", "the home cannot be written: check that the disk is not read-only", {
      cause: error,
    });
  return error;
}

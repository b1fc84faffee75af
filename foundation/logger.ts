export type LogLevel = "error" | "warn" | "info" | "debug";

/**
 * Where the parts say what they do. No caller hands in an address, subject, message id, key or password;
 * `error` is for bugs alone, and carries its cause.
 */
export type Logger = (
  level: LogLevel,
  event: string,
  details?: Readonly<Record<string, string | number | boolean>>,
) => void;

export const silentLogger: Logger = () => undefined;

/** A message as it is exported. */
export interface ExportedMessage {
  readonly content: AsyncIterable<Uint8Array>;
  readonly flags: readonly string[];
  /** Milliseconds since 1970. */
  readonly internalDate: number;
}

/** Writes the messages of one folder in some format. */
export interface MailWriter {
  /** Messages that may be written at the same time; their order is that of the calls. */
  readonly atOnce: number;
  /** If the content fails, nothing of the message stays. */
  write(message: ExportedMessage): Promise<void>;
  close(): Promise<void>;
}

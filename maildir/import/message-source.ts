/** One message of a file or folder to be imported; the content is consumed before the next one is asked for. */
export interface ImportedMessage {
  readonly content: AsyncIterable<Uint8Array>;
  readonly flags: readonly string[];
  /** Milliseconds since 1970; undefined where nothing tells. */
  readonly internalDate: number | undefined;
}

export interface MessageSource {
  /** How many there are, where that is known without reading all. */
  readonly total?: number;
  readonly messages: AsyncIterable<ImportedMessage>;
}

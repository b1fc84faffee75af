/** One message to be imported; the content is consumed before the next one is asked for. */
export interface ImportedMessage {
  readonly content: AsyncIterable<Uint8Array>;
  readonly flags: readonly string[];
  /** Milliseconds since 1970; undefined where nothing tells. */
  readonly internalDate: number | undefined;
  /** Its UID on the server that it comes from. */
  readonly remoteUid?: number;
}

export interface MessageSource {
  /** How many there are, where that is known without reading all. */
  readonly total?: number;
  /** How far a file has been read, where the number of its messages is not known. */
  readonly octets?: { readonly total: number; readonly read: () => number };
  readonly messages: AsyncIterable<ImportedMessage>;
}

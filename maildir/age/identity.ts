import type { Stanza } from "./header.ts";

/** Somebody who can unwrap file keys: undefined if no stanza is meant for it. @throws AgeFormatError if one of its kind is malformed */
export interface AgeIdentity {
  unwrap(stanzas: readonly Stanza[]): Buffer | undefined;
}

/** Somebody for whom file keys are wrapped. */
export interface AgeRecipient {
  wrap(fileKey: Uint8Array): Stanza;
}

import type { TokenHash } from "./token-store.ts";
import type { BlobReader } from "./wire/blob.ts";

/** A blob as its owner made it; see wire/blob.ts. */
export interface BlobRecord {
  readonly blobId: Uint8Array;
  readonly ownerKey: Uint8Array;
  /** Of the whole blob: they count against the quotas from the beginning. */
  readonly octets: number;
}

export type BlobOpened =
  /** Made, or there already; so many octets of it are on the disk. */
  { readonly kind: "open"; readonly stored: number } | { readonly kind: "in-use" | "full" | "forbidden" };

/**
 * Where blobs lie; part of the port in store.ts. A blob grows from its beginning: what was written becomes durable with a
 * sync, and only then may be read. Times are milliseconds of the relay's own time.
 */
export interface BlobStore {
  /** `open` also if this very blob is there already. `full` where the token or the relay has as much as it may. */
  create(blob: BlobRecord, token: TokenHash, now: number): Promise<BlobOpened>;
  ownerKey(blobId: Uint8Array): Promise<Buffer | undefined>;
  /** Adds readers. `in-use` if an id is that of another's reader, `full` where the blob would have too many; nothing changes then. */
  grant(blobId: Uint8Array, readers: readonly BlobReader[]): Promise<"granted" | "no-blob" | "in-use" | "full">;
  /** Writes octets at a place, not yet durably. False if there is no such blob, or they do not fit into it. */
  write(blobId: Uint8Array, offset: number, pieces: readonly Uint8Array[]): Promise<boolean>;
  /** Makes durable what was written up to there, and returns how much is durable now: never less than before. */
  sync(blobId: Uint8Array, upTo: number): Promise<number | undefined>;
  readKey(readId: Uint8Array): Promise<Buffer | undefined>;
  /** `invalid` past the blob's end; `incomplete` where that is not durable yet. */
  read(readId: Uint8Array, offset: number, length: number): Promise<Buffer | "no-blob" | "invalid" | "incomplete">;
  /** The reader has it all; with the last one the blob is removed. False if there was no such reader. */
  finish(readId: Uint8Array): Promise<boolean>;
  /** False if there was none. */
  remove(blobId: Uint8Array): Promise<boolean>;
  /** Removes blobs that were made before a moment, or whose token was revoked together with what it made. Returns how many. */
  expire(before: number): Promise<number>;
  counts(): { readonly blobs: number };
}

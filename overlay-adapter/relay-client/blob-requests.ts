import { Failure } from "../../foundation/failure.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import {
  BLOB_READ_MAX,
  BLOB_WRITE_MAX,
  type BlobReader,
  blobCreateFields,
  blobGrantFields,
  blobReadFields,
  GRANT_MAX,
} from "../../relay/wire/blob.ts";
import type { Answer, BlobCommand } from "../../relay/wire/frame.ts";
import { BLOB_VERSION } from "../../relay/wire/handshake.ts";
import { publicKeyOf, signCommand, signingKey } from "../../relay/wire/proof.ts";
import type { RelayConnection } from "./relay-connection.ts";
import { BLOB_READS, BLOB_STEP } from "./relay-limits.ts";
import type { RelayLink } from "./relay-link.ts";
import { expectOk, failureOf, refusal, tokenOf } from "./relay-requests.ts";

/** What writing and deleting a blob takes. */
export interface BlobOwner {
  /** 24 random bytes. */
  readonly blobId: Uint8Array;
  /** 32-byte seed of the owner's Ed25519 key. */
  readonly ownerSeed: Uint8Array;
}

/** What reading a blob takes; one for each device that reads it. */
export interface BlobReading {
  /** 24 random bytes. */
  readonly readId: Uint8Array;
  /** 32-byte seed of the reader's Ed25519 key. */
  readonly readSeed: Uint8Array;
}

export interface BlobUpload {
  readonly owner: BlobOwner;
  /** Of the whole blob. */
  readonly octets: number;
  readonly readers: readonly BlobReading[];
  /** The octets from there on, in pieces of any size; one is looked at until the next is asked for. */
  readonly content: (from: number) => AsyncIterable<Uint8Array>;
}

/** Resolves when all of it is on the relay's disk. Done again after it broke off, it goes on behind what the relay has. */
export async function uploadBlob(link: RelayLink, relay: RelayAddress, upload: BlobUpload): Promise<void> {
  const token = tokenOf(relay);
  const { octets, readers, content } = upload;
  const blobId = Buffer.from(upload.owner.blobId);
  const key = signingKey(upload.owner.ownerSeed);
  await link.session(async (connection) => {
    const create = await ask(connection, (exporter) => ({
      kind: "blob-create",
      token,
      blobId,
      ownerKey: publicKeyOf(key),
      octets,
      signature: signCommand(key, "BLOB_CREATE", exporter, blobCreateFields({ blobId, octets })),
    }));
    const stored = storedOf(create);
    const granted = grants(readers).map(async (some) =>
      expectOk(
        await ask(connection, (exporter) => ({
          kind: "blob-grant",
          blobId,
          signature: signCommand(key, "BLOB_GRANT", exporter, blobGrantFields({ blobId, readers: some })),
          readers: some,
        })),
      ),
    );
    const written = stored < octets ? writeBlob(connection, blobId, content(stored), { stored, octets }) : undefined;
    await Promise.all([...granted, written]);
  });
}

/** The octets from `from` up to `octets`, in pieces. @throws Failure nonexistent (no such blob, or no more), unavailable */
export async function* readBlob(
  link: RelayLink,
  reading: BlobReading,
  { from, octets }: { readonly from: number; readonly octets: number },
): AsyncGenerator<Buffer> {
  const key = signingKey(reading.readSeed);
  const readId = Buffer.from(reading.readId);
  const under: Promise<Buffer>[] = [];
  let next = from;
  const read = async (offset: number, length: number): Promise<Buffer> => {
    // One piece of memory for all parts: thousands of small ones keep the collector busy.
    const bytes = Buffer.allocUnsafeSlow(length);
    let end = offset;
    let fits = true;
    const answer = await link.session((connection) =>
      ask(
        connection,
        (exporter) => ({
          kind: "blob-read",
          readId,
          offset,
          length,
          signature: signCommand(key, "BLOB_READ", exporter, blobReadFields({ readId, offset, length })),
        }),
        (part) => {
          fits &&= part.offset === end && end + part.bytes.length <= offset + length;
          if (!fits) return;
          bytes.set(part.bytes, end - offset);
          end += part.bytes.length;
        },
      ),
    );
    expectOk(answer);
    if (!fits || end !== offset + length) throw unfitting();
    return bytes;
  };
  for (;;) {
    for (; under.length < BLOB_READS && next < octets; next = Math.min(next + READ_STEP, octets)) {
      const part = read(next, Math.min(READ_STEP, octets - next));
      // Whoever waits for it hears of a failure when its turn comes.
      part.catch(() => undefined);
      under.push(part);
    }
    const first = under.shift();
    if (first === undefined) return;
    yield await first;
  }
}

/** Says that a reader has all of it; no error if it is gone already. */
export async function finishBlob(link: RelayLink, reading: BlobReading): Promise<void> {
  const key = signingKey(reading.readSeed);
  const readId = Buffer.from(reading.readId);
  const answer = await link.session((connection) =>
    ask(connection, (exporter) => ({
      kind: "blob-done",
      readId,
      signature: signCommand(key, "BLOB_DONE", exporter, readId),
    })),
  );
  expectOk(answer, "no-blob");
}

/** No error if it is gone already. */
export async function deleteBlob(link: RelayLink, owner: BlobOwner): Promise<void> {
  const key = signingKey(owner.ownerSeed);
  const blobId = Buffer.from(owner.blobId);
  const answer = await link.session((connection) =>
    ask(connection, (exporter) => ({
      kind: "blob-delete",
      blobId,
      signature: signCommand(key, "BLOB_DELETE", exporter, blobId),
    })),
  );
  expectOk(answer, "no-blob");
}

const READ_STEP = BLOB_READ_MAX;

/** Writes the rest, and has each few megabytes put on the disk while the next ones are on their way. */
async function writeBlob(
  connection: RelayConnection,
  blobId: Buffer,
  content: AsyncIterable<Uint8Array>,
  { stored, octets }: { readonly stored: number; readonly octets: number },
): Promise<void> {
  const sync = async (): Promise<number> => storedOf(await ask(connection, () => ({ kind: "blob-sync", blobId })));
  let synced: Promise<number> = Promise.resolve(stored);
  let offset = stored;
  let syncAt = offset + BLOB_STEP;
  for await (const some of blocks(content)) {
    for (const bytes of some) {
      connection.tell({ kind: "blob-write", blobId, offset, bytes });
      offset += bytes.length;
    }
    await connection.drained();
    if (offset < syncAt) continue;
    await synced;
    synced = sync();
    // A failure is awaited a step later.
    synced.catch(() => undefined);
    syncAt = offset + BLOB_STEP;
  }
  await synced;
  if (offset !== octets || (await sync()) !== octets) throw unfitting();
}

/** The same octets in pieces that fill a block each, as many at a time as a piece completes. */
async function* blocks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer[]> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of content) {
    const octets =
      rest.length > 0 ? Buffer.concat([rest, piece]) : Buffer.from(piece.buffer, piece.byteOffset, piece.length);
    const whole = Math.floor(octets.length / BLOB_WRITE_MAX);
    yield Array.from({ length: whole }, (_, at) => octets.subarray(at * BLOB_WRITE_MAX, (at + 1) * BLOB_WRITE_MAX));
    rest = Buffer.from(octets.subarray(whole * BLOB_WRITE_MAX));
  }
  if (rest.length > 0) yield [rest];
}

/** @throws Failure forbidden where the relay is too old for blobs */
async function ask(
  connection: RelayConnection,
  make: (exporter: Buffer) => BlobCommand,
  onPart?: Parameters<RelayConnection["request"]>[2],
): Promise<Answer> {
  const command = (exporter: Buffer): BlobCommand => {
    if (connection.version < BLOB_VERSION)
      throw new Failure("forbidden", "the relay keeps no blobs: ask its operator to update it");
    return make(exporter);
  };
  return await connection.request(command, undefined, onPart);
}

function grants(readers: readonly BlobReading[]): BlobReader[][] {
  const all = readers.map(({ readId, readSeed }) => ({
    readId: Buffer.from(readId),
    readKey: publicKeyOf(signingKey(readSeed)),
  }));
  return Array.from({ length: Math.ceil(all.length / GRANT_MAX) }, (_, at) =>
    all.slice(at * GRANT_MAX, (at + 1) * GRANT_MAX),
  );
}

function storedOf(answer: Answer): number {
  if (answer.kind === "blob-stored") return answer.octets;
  throw failureOf(refusal(answer));
}

function unfitting(): Failure {
  return new Failure("unavailable", "the relay gave an answer that does not fit the question");
}

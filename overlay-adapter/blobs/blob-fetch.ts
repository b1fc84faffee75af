import type { RelayAddress } from "../../relay/relay-url.ts";
import { chunkSize, chunkStart, ManifestHash, openChunk, sealedStart } from "../letters/letter-content.ts";
import type { BlobReading } from "../relay-client/blob-requests.ts";
import type { RelayClient } from "../relay-client/relay-client.ts";
import { blobChunks, blobOctets, sealedChunks } from "./blob-content.ts";
import type { BlobFile } from "./blob-file.ts";
import { CHUNK_TRIES } from "./limits.ts";

/** The blob is not what the letter promises. `altered`: a chunk does not open; `forged`: all do, but their sum is another letter. */
export class BlobBroken extends Error {
  override name = "BlobBroken";
  readonly how: "altered" | "forged";

  constructor(how: "altered" | "forged") {
    super(`the letter's blob is ${how}`);
    this.how = how;
  }
}

export interface BlobFetch {
  readonly client: Pick<RelayClient, "readBlob">;
  readonly relay: RelayAddress;
  readonly reading: BlobReading;
  readonly contentKey: Buffer;
  readonly manifestHash: Buffer;
  /** Octets of the letter's content. */
  readonly size: number;
  readonly file: BlobFile;
}

/**
 * The letter's content: from the file as far as that goes, then from the relay, by way of the file. Nothing comes out before
 * its chunk has opened, and the end only where all of it is what the letter's header promises.
 * @throws BlobBroken; Failure nonexistent, forbidden, unavailable, full
 */
export async function* fetchContent(fetch: BlobFetch): AsyncGenerator<Buffer> {
  const { contentKey, manifestHash, size, file } = fetch;
  const hash = new ManifestHash();
  const chunks = blobChunks(size);
  const contentOf = (chunk: Buffer, index: number): Buffer =>
    chunk.subarray(0, Math.min(Math.max(size - chunkStart(index), 0), chunkSize(index)));
  if (file.chunks > chunks) await file.cut(0);
  let index = 0;
  for await (const sealed of file.read()) {
    const chunk = openChunk(contentKey, index, sealed);
    if (chunk === undefined) break;
    const content = contentOf(chunk, index++);
    hash.update(content);
    if (content.length > 0) yield content;
  }
  if (index < file.chunks) await file.cut(index);
  for await (const { sealed, chunk } of fetchChunks(fetch, index, chunks)) {
    await file.append(sealed);
    const content = contentOf(chunk, index++);
    hash.update(content);
    if (content.length > 0) yield content;
  }
  if (!hash.digest(size).equals(manifestHash)) throw new BlobBroken("forged");
}

interface FetchedChunk {
  readonly sealed: Buffer;
  readonly chunk: Buffer;
}

/** Chunks from the relay. One that does not open is asked for once more by itself. */
async function* fetchChunks(fetch: BlobFetch, from: number, end: number): AsyncGenerator<FetchedChunk> {
  const { contentKey, size } = fetch;
  let index = from;
  if (index === end) return;
  const octets = blobOctets(size);
  for await (const sealed of sealedChunks(read(fetch, sealedStart(index), octets), index)) {
    const chunk = openChunk(contentKey, index, sealed);
    yield chunk === undefined ? await fetchAgain(fetch, index) : { sealed, chunk };
    index++;
  }
  if (index !== end) throw new BlobBroken("altered");
}

async function fetchAgain(fetch: BlobFetch, index: number): Promise<FetchedChunk> {
  for (let tries = 1; tries < CHUNK_TRIES; tries++)
    for await (const sealed of sealedChunks(read(fetch, sealedStart(index), sealedStart(index + 1)), index)) {
      const chunk = openChunk(fetch.contentKey, index, sealed);
      if (chunk !== undefined) return { sealed, chunk };
    }
  throw new BlobBroken("altered");
}

function read({ client, relay, reading }: BlobFetch, from: number, octets: number): AsyncIterable<Buffer> {
  return client.readBlob(relay, reading, { from, octets });
}

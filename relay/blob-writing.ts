import type { BlobStore } from "./blob-store.ts";
import type { BlobWrite } from "./wire/blob.ts";

/** The blobs that one connection writes. What comes while the disk is busy is gathered, and written at once after that. */
export class BlobWriting {
  readonly #store: BlobStore;
  readonly #uploads = new Map<string, Upload>();

  constructor(store: BlobStore) {
    this.#store = store;
  }

  /** From now on the connection may write the blob, of so many octets, behind those that are stored. */
  open(blobId: Buffer, stored: number, octets: number): void {
    this.#uploads.set(keyOf(blobId), new Upload(this.#store, Buffer.from(blobId), stored, octets));
  }

  /** Whether these are the octets that come next. */
  takes({ blobId, offset, bytes }: BlobWrite): boolean {
    return this.#uploads.get(keyOf(blobId))?.takes(offset, bytes.length) ?? false;
  }

  /** Resolves when it is written; what is not taken is passed over, and a failure is told by the next sync. */
  async write({ blobId, offset, bytes }: BlobWrite): Promise<void> {
    await this.#uploads.get(keyOf(blobId))?.write(offset, bytes);
  }

  /** How much is durable; undefined where the connection does not write it, or it is gone. Rejects where the disk failed. */
  async sync(blobId: Buffer): Promise<number | undefined> {
    return await this.#uploads.get(keyOf(blobId))?.sync();
  }
}

class Upload {
  readonly #store: BlobStore;
  readonly #blobId: Buffer;
  readonly #octets: number;
  /** Where the next octets belong. */
  #next: number;
  #waiting: Buffer[] = [];
  #waitingAt: number;
  #writing: Promise<void> | undefined;
  #failure: { readonly error: unknown } | "gone" | undefined;

  constructor(store: BlobStore, blobId: Buffer, stored: number, octets: number) {
    this.#store = store;
    this.#blobId = blobId;
    this.#octets = octets;
    this.#next = stored;
    this.#waitingAt = stored;
  }

  takes(offset: number, length: number): boolean {
    return this.#failure === undefined && length > 0 && offset === this.#next && offset + length <= this.#octets;
  }

  async write(offset: number, bytes: Buffer): Promise<void> {
    if (!this.takes(offset, bytes.length)) return;
    this.#next += bytes.length;
    this.#waiting.push(bytes);
    this.#writing ??= this.#flush();
    await this.#writing;
  }

  async sync(): Promise<number | undefined> {
    const upTo = this.#next;
    await this.#writing;
    if (this.#failure === "gone") return undefined;
    if (this.#failure !== undefined) throw this.#failure.error;
    return await this.#store.sync(this.#blobId, upTo);
  }

  async #flush(): Promise<void> {
    try {
      // What came with this piece in one turn goes with it.
      await new Promise((resolve) => setImmediate(resolve));
      while (this.#waiting.length > 0) {
        const pieces = this.#waiting;
        const offset = this.#waitingAt;
        this.#waiting = [];
        this.#waitingAt = this.#next;
        if (await this.#store.write(this.#blobId, offset, pieces)) continue;
        this.#failure = "gone";
        this.#waiting = [];
      }
    } catch (error) {
      this.#failure = { error };
      this.#waiting = [];
    } finally {
      this.#writing = undefined;
    }
  }
}

function keyOf(id: Buffer): string {
  return id.toString("latin1");
}

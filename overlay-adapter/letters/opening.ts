import type { AddressLabel } from "../../foundation/address.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import { type SessionBatch, SessionFailure } from "../../keyring/device-sessions.ts";
import type { DropReason } from "../events.ts";
import type { Slot } from "../queues/cell.ts";
import type { Ledger } from "./ledger.ts";
import { chunkSize, chunkStart, ManifestHash, openChunk, paddedCells } from "./letter-content.ts";
import { decodeLetterHeader, headerHash, IN_BLOB, type LetterHeader, letterCommitment } from "./letter-header.ts";

/** What the cells of a letter say before its ratchet message is opened. */
export interface SealedLetter {
  readonly senderDevice: number;
  readonly cells: number;
  readonly slots: readonly Slot[];
  /** Of the first cell. */
  readonly commitment: Buffer;
}

export interface OpenedHeader extends LetterHeader {
  readonly deviceId: number;
  readonly hash: Buffer;
  /** The letter was received before, under another header: its sender could not know. */
  readonly repeated: boolean;
}

/** Opens ratchet messages of one contact in a batch of staged steps; nothing is written. */
export class Opening {
  readonly #steps: SessionBatch;
  readonly #label: AddressLabel;
  readonly #deviceId: number;
  readonly #ledger: Ledger;
  readonly #ids = new Set<string>();
  #stepped = false;

  constructor(options: {
    readonly own: AddressLabel;
    readonly label: AddressLabel;
    readonly device: Device;
    readonly contacts: Contacts;
    readonly ledger: Ledger;
  }) {
    const { contacts, device } = options;
    this.#steps = device.sessions(options.own, (label, id, key) =>
      contacts.isTrustedDevice(label as AddressLabel, id, key),
    );
    this.#label = options.label;
    this.#deviceId = device.deviceId;
    this.#ledger = options.ledger;
  }

  /** There is something to write. */
  get stepped(): boolean {
    return this.#stepped;
  }

  /** The header meant for this device, or why the letter is to be dropped. */
  async header(letter: SealedLetter): Promise<OpenedHeader | DropReason> {
    let reason: DropReason = "undecryptable";
    for (const slot of letter.slots) {
      if (slot.deviceId !== this.#deviceId) continue;
      try {
        const encoded = await this.#steps.decrypt(this.#label, letter.senderDevice, slot);
        this.#stepped = true;
        const header = decodeLetterHeader(encoded);
        const cells = (header.flags & IN_BLOB) === 0 ? paddedCells(header.size) : 1;
        if (cells !== letter.cells || !letterCommitment(header).equals(letter.commitment)) return "altered";
        const id = header.id.toString("hex");
        const repeated = this.#ids.has(id) || this.#ledger.seen(this.#label, header.id);
        this.#ids.add(id);
        return { ...header, deviceId: letter.senderDevice, hash: headerHash(encoded), repeated };
      } catch (error) {
        if (error instanceof DecodeError) return "damaged";
        if (!(error instanceof SessionFailure)) throw error;
        if (error.kind === "duplicate") return "reused";
        if (error.kind === "untrusted") reason = "stranger";
      }
    }
    return letter.slots.every((slot) => slot.deviceId > this.#deviceId) ? "elsewhere" : reason;
  }

  /** In the caller's transaction. */
  write(): void {
    this.#steps.write();
  }
}

const NOTHING = Buffer.alloc(0);

/** The part of an opened chunk that is content, not padding. */
export function chunkContent(header: LetterHeader, index: number, sealed: Uint8Array): Buffer | undefined {
  const content = openChunk(header.contentKey, index, sealed);
  const length = Math.min(Math.max(header.size - chunkStart(index), 0), chunkSize(index));
  return content?.subarray(0, length);
}

/** The whole content of a letter whose chunks are all there; undefined if any was altered. */
export function wholeContent(header: LetterHeader, chunks: readonly Uint8Array[]): Buffer | undefined {
  const hash = new ManifestHash();
  const content: Buffer[] = [];
  for (const [index, sealed] of chunks.entries()) {
    const piece = chunkContent(header, index, sealed);
    if (piece === undefined) return undefined;
    hash.update(piece);
    content.push(piece);
  }
  if (!hash.digest(header.size).equals(header.manifestHash)) return undefined;
  const [only = NOTHING, ...more] = content;
  return more.length === 0 ? only : Buffer.concat(content);
}

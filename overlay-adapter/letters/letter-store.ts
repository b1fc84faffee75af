import type { AddressLabel } from "../../foundation/address.ts";
import { DecodeError } from "../../foundation/bytes.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { KeyedMutex } from "../../foundation/mutex.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Device } from "../../keyring/device.ts";
import type { BlobDevices } from "../blobs/blob-devices.ts";
import { openReference } from "../blobs/blob-reference.ts";
import type { IncomingBlobs } from "../blobs/incoming-blobs.ts";
import type { DropReason } from "../events.ts";
import type { LetterReceiver } from "../ports.ts";
import type { ReceiptsDue } from "../receipts/receipts-due.ts";
import type { Chains } from "./chain.ts";
import { IN_BLOB, NO_RECEIPT } from "./letter-header.ts";
import { type OpenedHeader, Opening, wholeContent } from "./opening.ts";
import type { PartialLetter } from "./partial-letter.ts";
import type { StreamedLetter } from "./streamed-letter.ts";
import type { UnopenedLetters } from "./unopened-letters.ts";

export interface LetterStoreOptions {
  readonly db: Database;
  readonly own: AddressLabel;
  readonly contacts: Contacts;
  readonly device: Device;
  readonly chains: Chains;
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  readonly receiver: LetterReceiver;
  /** Reads a control letter; what it returns is run in the transaction that records it. @throws DecodeError */
  readonly control: (from: AddressLabel, content: Buffer, deviceId: number) => () => void;
  readonly receipts: ReceiptsDue;
  readonly blobs: IncomingBlobs;
  readonly blobDevices: BlobDevices;
  /** A letter was stored that is to be acknowledged. */
  readonly wakeReceipts: () => void;
  readonly clock: Clock;
  readonly unopened: UnopenedLetters;
  /** A letter was sent under another account state than the pinned one, or its device's chain has two ends; in the transaction that records it. */
  readonly disagrees: (from: AddressLabel) => void;
}

/** A letter with its header open, ready to be staged. */
interface Opened {
  readonly letter: PartialLetter;
  readonly header: OpenedHeader;
  readonly content: readonly Buffer[];
}

/** What a transaction makes visible, and records. */
interface Step {
  readonly letter: PartialLetter;
  readonly header: OpenedHeader;
  readonly visible: () => void;
  /** Its content is still to be fetched: then it will have come. */
  readonly fetches?: true;
}

/** Opens letters and hands them to the bridge: what it makes visible and what the ratchet stepped become durable together. */
export class LetterStore {
  readonly #o: LetterStoreOptions;

  constructor(options: LetterStoreOptions) {
    this.#o = options;
  }

  /** Opens a letter's header only to look: the step is taken again, and written, when the letter is complete. */
  async look(from: AddressLabel, letter: PartialLetter): Promise<OpenedHeader | DropReason> {
    const header = await this.#o.sessions.run(from, () => this.#opening(from).header(letter.sealed()));
    if (typeof header !== "string") await this.#o.blobs.giveWay(from, header.id);
    return header;
  }

  /**
   * Stores letters that are complete in memory: all staged at once, one transaction. Resolves to those that are to be
   * dropped, with their reason, and those that are stored, with none. Rejects if any cannot be stored now; nothing is then.
   */
  store(from: AddressLabel, letters: readonly PartialLetter[]): Promise<Map<PartialLetter, DropReason | undefined>> {
    return this.#o.sessions.run(from, async () => {
      const outcomes = new Map<PartialLetter, DropReason | undefined>();
      const opening = this.#opening(from);
      const opened: Opened[] = [];
      const steps: Step[] = [];
      for (const letter of letters) {
        const header = await opening.header(letter.sealed());
        if (typeof header === "string") {
          outcomes.set(letter, header);
          continue;
        }
        if (header.repeated) {
          steps.push({ letter, header, visible: () => undefined });
          continue;
        }
        if ((header.flags & IN_BLOB) !== 0) {
          const visible = this.#fetching(from, letter, header);
          if (visible === undefined) outcomes.set(letter, "altered");
          else steps.push({ letter, header, visible, fetches: true });
          continue;
        }
        await this.#o.blobs.giveWay(from, header.id);
        const content = wholeContent(header, letter.chunks);
        if (content === undefined) outcomes.set(letter, "altered");
        else opened.push({ letter, header, content });
      }
      const staged = await Promise.allSettled(opened.map((one) => this.#stage(from, one)));
      for (const [at, outcome] of staged.entries()) {
        const { letter, header } = opened[at] as Opened;
        if (outcome.status === "fulfilled") steps.push({ letter, header, visible: outcome.value });
        else if (outcome.reason instanceof DecodeError) outcomes.set(letter, "damaged");
        else throw outcome.reason;
      }
      await this.#commit(from, opening, steps);
      for (const { letter, header } of steps) outcomes.set(letter, header.repeated ? "duplicate" : undefined);
      return outcomes;
    });
  }

  /** As store, for a letter that was handed to the bridge while it came. */
  storeStreamed(from: AddressLabel, letter: PartialLetter, stream: StreamedLetter): Promise<DropReason | undefined> {
    return this.#o.sessions.run(from, async () => {
      const visible = await stream.finish();
      if (visible === undefined) return "altered";
      const opening = this.#opening(from);
      const header = await opening.header(letter.sealed());
      if (typeof header === "string") return header;
      await this.#commit(from, opening, [{ letter, header, visible: header.repeated ? () => undefined : visible }]);
      return header.repeated ? "duplicate" : undefined;
    });
  }

  /** Of a large letter that was received before under another header: records that it came, without its content. */
  storeRepeated(from: AddressLabel, letter: PartialLetter): Promise<DropReason> {
    return this.#o.sessions.run(from, async () => {
      const opening = this.#opening(from);
      const header = await opening.header(letter.sealed());
      if (typeof header === "string") return header;
      await this.#commit(from, opening, [{ letter, header, visible: () => undefined }]);
      return "duplicate";
    });
  }

  /** A letter's first cell came once more. */
  repeated(from: AddressLabel, tag: Buffer): void {
    const { db, receipts, clock } = this.#o;
    db.transactionUnsynced(() => receipts.repeat(from, tag, clock.now()));
    this.#o.wakeReceipts();
  }

  /** What notes in the transaction that the letter's blob is to be fetched; undefined where its cell does not say from where. */
  #fetching(from: AddressLabel, letter: PartialLetter, header: OpenedHeader): (() => void) | undefined {
    const tag = Buffer.from(letter.key, "hex");
    const [chunk] = letter.chunks;
    const reference = chunk && openReference(header.contentKey, tag, chunk);
    if (reference === undefined || header.kind !== "mail") return undefined;
    return () => this.#o.blobs.add(from, header, { tag, as: this.#o.device.deviceId, reference });
  }

  async #stage(from: AddressLabel, { header, content }: Opened): Promise<() => void> {
    const { deviceId, id, size } = header;
    if (header.kind === "control") return this.#o.control(from, Buffer.concat(content), deviceId);
    const receivedAt = this.#o.clock.now();
    return this.#o.receiver.receive({ from, deviceId, id, receivedAt, size, content: pieces(content) });
  }

  async #commit(from: AddressLabel, opening: Opening, steps: readonly Step[]): Promise<void> {
    const { db, chains, receipts, clock, unopened, device, contacts, disagrees, blobs, blobDevices } = this.#o;
    await db.commit(() => {
      opening.write();
      let asks = false;
      for (const { letter, header, visible, fetches } of steps) {
        visible();
        const tag = Buffer.from(letter.key, "hex");
        // Of a letter that is still to be fetched only the cells have come.
        chains.setSeen(from, fetches ? tag : header.id, tag, clock.now());
        blobDevices.hear(from, header.deviceId, header.flags);
        if (!fetches) blobs.came(from, header.id);
        asks = chains.receive(from, header.deviceId, header, header.prevHash, clock.now()) === "forked" || asks;
        unopened.setReceived(from, { ...header, as: device.deviceId });
        if (!fetches && (header.flags & NO_RECEIPT) === 0)
          receipts.add(from, { letter: header.id, headerHash: header.hash }, clock.now());
      }
      const pinned = contacts.accountState(from)?.hash;
      if (pinned !== undefined) asks ||= steps.some(({ header }) => !header.stateHash.equals(pinned));
      if (asks) disagrees(from);
    });
    this.#o.wakeReceipts();
  }

  #opening(label: AddressLabel): Opening {
    const { own, device, contacts, chains } = this.#o;
    return new Opening({ own, label, device, contacts, chains });
  }
}

async function* pieces(content: readonly Buffer[]): AsyncGenerator<Buffer> {
  yield* content;
}

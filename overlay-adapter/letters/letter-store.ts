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
import type { Ledger } from "./ledger.ts";
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
  readonly ledger: Ledger;
  /** One per contact: whoever steps a contact's sessions holds it until the step is committed. */
  readonly sessions: KeyedMutex<AddressLabel>;
  readonly receiver: LetterReceiver;
  /** Reads a control letter; what it returns is run in the transaction that records it. @throws DecodeError */
  readonly control: (from: AddressLabel, content: Buffer, deviceId: number) => () => void;
  readonly receipts: ReceiptsDue;
  readonly blobs: IncomingBlobs;
  readonly blobDevices: BlobDevices;
  /** Letters were stored whose receipts are due then. */
  readonly wakeReceipts: (due: number) => void;
  readonly clock: Clock;
  readonly unopened: UnopenedLetters;
  /** A letter was sent under another account state than the pinned one, or its device's chain has two ends; in the transaction that records it. */
  readonly disagrees: (from: AddressLabel) => void;
}

/** A letter with its header open, ready to be staged. */
interface Opened {
  readonly letter: PartialLetter;
  readonly header: OpenedHeader;
  readonly content: Buffer;
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
      const unopened: PartialLetter[] = [];
      const steps: Step[] = [];
      for (const letter of letters) {
        const header = await opening.header(letter.sealed());
        if (typeof header === "string") {
          outcomes.set(letter, header);
          unopened.push(letter);
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
      if (opening.stepped) await this.#commit(from, opening, steps);
      for (const { letter, header } of steps) outcomes.set(letter, header.repeated ? "duplicate" : undefined);
      for (const letter of unopened)
        if (this.isRepeated(from, Buffer.from(letter.key, "hex"))) outcomes.set(letter, "duplicate");
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

  /** True if the letter was received before; then its sender is perhaps to hear of it once more. */
  isRepeated(from: AddressLabel, tag: Buffer): boolean {
    const { db, ledger, receipts, clock, wakeReceipts } = this.#o;
    if (!ledger.seenTag(from, tag)) return false;
    const due = db.transactionUnsynced(() => receipts.repeat(from, tag, clock.now()));
    if (due !== undefined) wakeReceipts(due);
    return true;
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
    if (header.kind === "control") return this.#o.control(from, content, deviceId);
    const receivedAt = this.#o.clock.now();
    return this.#o.receiver.receive({ from, deviceId, id, receivedAt, size, content });
  }

  /** What each letter has for itself, and then once for all of them what they move on together. */
  async #commit(from: AddressLabel, opening: Opening, steps: readonly Step[]): Promise<void> {
    const { db, ledger, receipts, clock, contacts, disagrees, blobs, wakeReceipts } = this.#o;
    const due = await db.commit(() => {
      const now = clock.now();
      opening.write();
      for (const { letter, header, visible, fetches } of steps) {
        visible();
        const tag = Buffer.from(letter.key, "hex");
        // Of a letter that is still to be fetched only the cells have come.
        if (fetches) ledger.add(from, { letter: tag, tag }, now);
        else {
          const headerHash = (header.flags & NO_RECEIPT) === 0 ? header.hash : undefined;
          const entry = { letter: header.id, tag, headerHash };
          if (header.repeated) ledger.addAgain(from, entry, now);
          else ledger.add(from, entry, now);
          blobs.came(from, header.id);
        }
      }
      const headers = steps.map(({ header }) => header);
      const pinned = contacts.accountState(from)?.hash;
      const isOld = pinned !== undefined && headers.some(({ stateHash }) => !stateHash.equals(pinned));
      if (this.#moveOn(from, headers, now) === "forked" || isOld) disagrees(from);
      return receipts.add(from, now);
    });
    if (due !== undefined) wakeReceipts(due);
  }

  /** How far each of the contact's devices has come with these. */
  #moveOn(from: AddressLabel, headers: readonly OpenedHeader[], now: number): "forked" | undefined {
    const { chains, unopened, device, blobDevices } = this.#o;
    let forked: "forked" | undefined;
    for (const deviceId of new Set(headers.map((header) => header.deviceId))) {
      const own = headers.filter((header) => header.deviceId === deviceId);
      const last = own.at(-1) as OpenedHeader;
      const furthest = own.reduce((one, other) => (other.seq > one.seq ? other : one));
      forked = chains.receive(from, deviceId, own, now) ?? forked;
      unopened.setReceived(from, { ...furthest, as: device.deviceId });
      blobDevices.hear(from, deviceId, last.flags);
    }
    return forked;
  }

  #opening(label: AddressLabel): Opening {
    const { own, device, contacts, ledger } = this.#o;
    return new Opening({ own, label, device, contacts, ledger });
  }
}

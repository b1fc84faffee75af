import type { AddressLabel } from "../../foundation/address.ts";
import type { Clock } from "../../foundation/clock.ts";
import type { Database } from "../../foundation/database.ts";
import type { Contacts } from "../../keyring/contacts.ts";
import type { Acquaintance } from "../contacts/acquaintance.ts";
import type { ContactCompanion } from "../contacts/contact-companion.ts";
import { decodeContactLetter } from "../contacts/contact-letters.ts";
import type { Phrases } from "../contacts/phrases.ts";
import type { OverlayEvent } from "../events.ts";
import type { QueueRotation } from "../queues/queue-rotation.ts";
import { decodeControl, type ReceiptsControl } from "../sessions/control.ts";
import type { Renewals } from "../sessions/renewals.ts";
import type { Worker } from "../worker.ts";
import type { LetterProgress } from "./letter-progress.ts";
import type { Outbox } from "./outbox.ts";

export interface ControlLettersOptions {
  readonly db: Database;
  readonly contacts: Contacts;
  readonly phrases: Phrases;
  readonly outbox: Outbox;
  readonly progress: LetterProgress;
  readonly renewals: Renewals;
  readonly acquaintance: Acquaintance;
  readonly companion: ContactCompanion;
  readonly rotation: QueueRotation;
  readonly clock: Clock;
  readonly emit: (event: OverlayEvent) => void;
  /** False where nobody wants to be told that the letter was delivered. */
  readonly isAskedFor: (letter: Buffer, to: AddressLabel) => boolean;
  readonly sender: (label: AddressLabel) => Worker;
  /** The contact could not read a letter's blob. */
  readonly blobFailed: (to: AddressLabel, letter: Buffer) => void;
  /** There is progress to tell, and no letter refers to these files of the spool any more. */
  readonly receipted: (files: readonly string[]) => void;
}

/** What contacts' bridges say to this one, in letters that nobody reads. */
export class ControlLetters {
  readonly #o: ControlLettersOptions;

  constructor(options: ControlLettersOptions) {
    this.#o = options;
  }

  /** Returns what acts on the letter, in the transaction that records it. @throws DecodeError */
  take(from: AddressLabel, content: Buffer, deviceId: number): () => void {
    const { db, renewals, rotation, acquaintance, sender, blobFailed, emit } = this.#o;
    const control = decodeControl(content);
    const contactLetter = decodeContactLetter(content);
    return () => {
      if (control.kind === "state") {
        renewals.pinState(from, control.accountState);
        // It may have begun the session that letters waited for.
        db.afterCommit(() => sender(from).hurry());
      }
      if (contactLetter?.kind === "invite-alarm") emit({ kind: "invite-alarm", contact: from });
      else if (contactLetter !== undefined) acquaintance.receive(from, contactLetter);
      if (control.kind === "welcome") this.#welcomed(from, control.nonce);
      if (control.kind === "queue" && rotation.hear(from, control.address, control.order))
        db.afterCommit(() => sender(from).hurry());
      if (control.kind === "blob-failed") blobFailed(from, control.letter);
      if (control.kind === "receipts" || control.kind === "acknowledgements") this.#receipted(from, deviceId, control);
    };
  }

  /** The host has taken the hello and shows its part of the safety phrase. */
  #welcomed(from: AddressLabel, nonce: Buffer): void {
    const { db, contacts, phrases, acquaintance, companion, sender, emit } = this.#o;
    const broken = phrases.reveal(from, nonce) === "broken";
    if (broken) {
      contacts.setState(from, "frozen");
      emit({ kind: "phrase-broken", contact: from });
    }
    if (!acquaintance.confirm(from)) return;
    if (!broken) companion.confirmed(from);
    emit({ kind: "contact-confirmed", contact: from });
    db.afterSync(() => sender(from).wake());
  }

  #receipted(from: AddressLabel, deviceId: number, { kind, receipts }: ReceiptsControl): void {
    const { db, outbox, progress, clock, sender, receipted, isAskedFor } = this.#o;
    const now = clock.now();
    const receipt = kind === "receipts" ? "delivered" : "acknowledged";
    const { delivered, files } = outbox.setReceipted(from, deviceId, receipts, { receipt, now });
    if (receipt === "delivered")
      for (const letter of delivered) if (isAskedFor(letter, from)) progress.setDelivered(letter, from, now);
    db.afterSync(() => receipted(files));
    // There may be room for more.
    db.afterCommit(() => sender(from).wake());
  }
}

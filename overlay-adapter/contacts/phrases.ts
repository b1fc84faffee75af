import type { AddressLabel } from "../../foundation/address.ts";
import { equalConstantTime } from "../../foundation/bytes.ts";
import type { Database } from "../../foundation/database.ts";
import { normalPhrase, type PhraseSide, phraseCommitment, safetyPhrase } from "./safety-phrase.ts";

interface PhraseRow {
  readonly nonce: Buffer;
  readonly commitment: Buffer | null;
  readonly phrase: string | null;
}

/** The contacts' safety phrases on disk. All methods are synchronous and join the caller's transaction. */
export class Phrases {
  readonly #sqlite: Database["sqlite"];
  readonly #own: AddressLabel;

  constructor(db: Database, own: AddressLabel) {
    this.#sqlite = db.sqlite;
    this.#own = own;
  }

  /** The host knows both numbers once it has the hello. */
  setHost(nonce: Buffer, guest: PhraseSide): void {
    this.#set(guest.label, nonce, null, safetyPhrase({ label: this.#own, nonce }, guest));
  }

  /** The guest waits for the host's number; `commitment` came before the own number was sent. */
  setGuest(host: AddressLabel, nonce: Buffer, commitment: Buffer): void {
    this.#set(host, nonce, commitment, null);
  }

  /** The host shows its number. `broken`: it is not the one that the host was bound to. */
  reveal(host: AddressLabel, nonce: Buffer): "taken" | "broken" {
    const row = this.#row(host);
    if (row === undefined || row.commitment === null || row.phrase !== null) return "taken";
    if (!equalConstantTime(phraseCommitment(nonce), row.commitment)) return "broken";
    this.#set(
      host,
      row.nonce,
      row.commitment,
      safetyPhrase({ label: host, nonce }, { label: this.#own, nonce: row.nonce }),
    );
    return "taken";
  }

  /** undefined while the other side's number is not known. */
  phrase(label: AddressLabel): string | undefined {
    return this.#row(label)?.phrase ?? undefined;
  }

  fits(label: AddressLabel, typed: string): boolean {
    const phrase = this.phrase(label);
    return phrase !== undefined && equalConstantTime(Buffer.from(phrase), Buffer.from(normalPhrase(typed)));
  }

  remove(label: AddressLabel): void {
    this.#sqlite.prepare("DELETE FROM overlay_phrase WHERE label = ?").run(label);
  }

  #row(label: AddressLabel): PhraseRow | undefined {
    return this.#sqlite.prepare("SELECT nonce, commitment, phrase FROM overlay_phrase WHERE label = ?").get(label) as
      | PhraseRow
      | undefined;
  }

  #set(label: AddressLabel, nonce: Buffer, commitment: Buffer | null, phrase: string | null): void {
    this.#sqlite
      .prepare("INSERT OR REPLACE INTO overlay_phrase VALUES (?, ?, ?, ?)")
      .run(label, nonce, commitment, phrase);
  }
}

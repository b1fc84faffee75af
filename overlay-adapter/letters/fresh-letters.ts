import { FRESH_OCTETS } from "../limits.ts";
import { inlineChunk, paddedCells, sealChunk, sealedStart } from "./letter-content.ts";
import type { OutgoingLetter } from "./outbox.ts";

interface Fresh {
  letter: OutgoingLetter;
  readonly octets: number;
  /** Recipients that it was not taken for yet. */
  open: number;
}

/**
 * Small letters that were just enqueued, so that nobody reads back what was written a moment ago. One with several
 * recipients is sealed for all of them at once. Whatever is not here, or not any more, is in the database.
 */
export class FreshLetters {
  readonly #letters = new Map<string, Fresh>();
  #octets = 0;

  add(letter: OutgoingLetter, recipients: number): void {
    if (letter.inline === undefined) return;
    const octets = recipients > 1 ? sealedStart(paddedCells(letter.size)) : letter.size;
    this.#letters.set(keyOf(letter.letter), { letter, octets, open: recipients });
    this.#octets += octets;
    for (const [key, { octets }] of this.#letters) {
      if (this.#octets <= FRESH_OCTETS) break;
      this.#letters.delete(key);
      this.#octets -= octets;
    }
  }

  /** The letter for one of its recipients; with the last of them it goes. */
  take(id: Uint8Array): OutgoingLetter | undefined {
    const key = keyOf(id);
    const fresh = this.#letters.get(key);
    if (fresh === undefined) return undefined;
    if (fresh.open > 1 && fresh.letter.sealed === undefined)
      fresh.letter = { ...fresh.letter, sealed: sealedChunks(fresh.letter) };
    if (--fresh.open === 0) {
      this.#letters.delete(key);
      this.#octets -= fresh.octets;
    }
    return fresh.letter;
  }
}

function sealedChunks({ contentKey, inline = Buffer.alloc(0), size }: OutgoingLetter): Buffer[] {
  return Array.from({ length: paddedCells(size) }, (_, index) =>
    sealChunk(contentKey, index, inlineChunk(inline, index)),
  );
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id.buffer, id.byteOffset, id.length).toString("latin1");
}

import { ManifestHash } from "./letter-content.ts";
import type { LetterKind } from "./letter-header.ts";
import type { OutgoingLetter } from "./outbox.ts";
import type { Spool, SpooledContent } from "./spool.ts";

/** A letter whose content is spooled; implements the overlay's PreparedLetter. */
export class SpooledLetter {
  readonly id: Buffer;
  readonly size: number;
  readonly #spool: Spool;
  readonly #content: SpooledContent;
  /** Set once the letter's rows are durable: the spooled file is the outbox's then. */
  enqueued = false;

  constructor(spool: Spool, id: Buffer, content: SpooledContent) {
    this.#spool = spool;
    this.#content = content;
    this.id = id;
    this.size = content.size;
  }

  outgoing(kind: LetterKind): OutgoingLetter {
    return { ...this.#content, letter: this.id, kind, flags: 0 };
  }

  async discard(): Promise<void> {
    if (this.enqueued || this.#content.file === undefined) return;
    await this.#spool.remove(this.#content.file);
  }
}

/** A letter from the overlay itself to a contact's overlay. `flags` as in the letter's header. */
export function controlLetter(content: Buffer, random: (length: number) => Buffer, flags = 0): OutgoingLetter {
  const hash = new ManifestHash();
  hash.update(content);
  return {
    letter: random(16),
    kind: "control",
    flags,
    contentKey: random(32),
    manifestHash: hash.digest(content.length),
    size: content.length,
    inline: content,
    file: undefined,
  };
}

import { type AddressLabel, OVERLAY_DOMAIN } from "../../foundation/address.ts";
import type { Database } from "../../foundation/database.ts";
import type { Logger } from "../../foundation/logger.ts";
import { LEGACY_KEYWORD } from "../../legacy-gateway/incoming/incoming-letter.ts";
import { bodyOf, type Entity, isType, parseEntity } from "../../legacy-gateway/openpgp/entity.ts";
import { MAX_OPENED } from "../../legacy-gateway/openpgp/limits.ts";
import type { Aliases } from "../../legacy-gateway/upgrade/aliases.ts";
import type { Maildir, MaildirMailbox } from "../../maildir/store.ts";
import { firstField } from "../../mime/header.ts";
import { BodyHash } from "../submission/body-hash.ts";

export interface TwinsOptions {
  readonly db: Database;
  readonly maildir: Maildir;
  readonly aliases: Pick<Aliases, "of">;
  /** The letter stays at its provider, and is none of the gateway's business here any more; in the caller's transaction. */
  readonly release: (mailbox: string, uid: number) => void;
  readonly logger: Logger;
}

/** What a bridge makes of a Message-ID: nothing is in front that anybody could know without the letter. */
const NEUTRAL = /^[a-z2-7]{32}$/;

/**
 * One letter of a contact that comes by both roads, as to somebody who has an old address that the sender does not know
 * for theirs, is shown once: the one that the overlay brought, since that one is proved. The same id is not enough: the body must
 * be the same, too.
 */
export class Twins {
  readonly #o: TwinsOptions;
  #work: Promise<void> = Promise.resolve();

  constructor(options: TwinsOptions) {
    this.#o = options;
  }

  /** Whether the overlay has brought the contact's letter already. `payload` is what came by e-mail, its encryption off. */
  async isHere(label: AddressLabel, id: string, payload: Entity): Promise<boolean> {
    const local = neutralPart(id);
    if (local === undefined) return false;
    const hash = hashOf(bodyOf(payload, payload.root));
    for (const { mailbox, uid } of this.#found(`${local}@${OVERLAY_DOMAIN}`)) {
      const entity = await this.#read(mailbox, uid, false);
      if (entity === undefined || !fromContact(entity, label)) continue;
      if (hashOf(bodyOf(entity, entity.root)).equals(hash)) return true;
    }
    return false;
  }

  /** Whether letters of the contact's may come by e-mail, too. */
  mayHave(label: AddressLabel): boolean {
    return this.#o.aliases.of(label).length > 0;
  }

  /**
   * The overlay brings a letter of the contact's, with this hash of its body (BodyHash): what came of it by e-mail is
   * shown no more, once the caller's transaction is durable.
   */
  arrived(label: AddressLabel, id: string, body: Buffer): void {
    this.#o.db.afterSync(() => this.#later(label, id, body));
  }

  #later(label: AddressLabel, id: string, body: Buffer): void {
    this.#work = this.#work
      .then(() => this.#hide(label, id, body))
      .catch((error: unknown) => {
        this.#o.logger("error", "a letter that came by both roads is shown twice", {
          cause: error instanceof Error ? (error.stack ?? "") : "",
        });
      });
  }

  /** Resolves when what arrived so far was looked at. */
  async settled(): Promise<void> {
    await this.#work;
  }

  async #hide(label: AddressLabel, id: string, body: Buffer): Promise<void> {
    const local = neutralPart(id);
    if (local === undefined) return;
    const domains = new Set(this.#o.aliases.of(label).map((address) => address.slice(address.lastIndexOf("@") + 1)));
    for (const domain of domains)
      for (const { mailbox, uid } of this.#found(`${local}@${domain}`)) {
        const entity = await this.#read(mailbox, uid, true);
        if (entity === undefined || !hashOf(openedBody(entity)).equals(body)) continue;
        this.#o.release(mailbox.id, uid);
        await mailbox.expunge([uid]);
      }
  }

  #found(id: string): { readonly mailbox: MaildirMailbox; readonly uid: number }[] {
    const { maildir } = this.#o;
    return maildir
      .mailboxes()
      .flatMap((mailbox) => maildir.findByMessageId(mailbox.id, `<${id}>`).map((uid) => ({ mailbox, uid })));
  }

  /** A letter of the one road or the other; undefined for one of the wrong road, or too long to be looked at. */
  async #read(mailbox: MaildirMailbox, uid: number, legacy: boolean): Promise<Entity | undefined> {
    const [letter] = mailbox.summaries([uid]);
    if (letter === undefined || letter.size > 2 * MAX_OPENED || letter.flags.includes(LEGACY_KEYWORD) !== legacy)
      return undefined;
    const pieces: Uint8Array[] = [];
    for await (const piece of mailbox.read(uid, 0, letter.size)) pieces.push(piece);
    return parseEntity(Buffer.concat(pieces));
  }
}

function neutralPart(id: string): string | undefined {
  const local = id.slice(0, id.lastIndexOf("@"));
  return NEUTRAL.test(local) ? local : undefined;
}

function fromContact({ octets, root }: Entity, label: AddressLabel): boolean {
  const from = firstField(octets.subarray(root.headerStart, root.bodyStart), "from") ?? "";
  return from.toLowerCase().includes(`@${label}.${OVERLAY_DOMAIN}`);
}

/** Of an opened letter the first part is what was inside; the letter as it came lies beside it. */
function openedBody(entity: Entity): Buffer {
  const [inside, original] = entity.root.children ?? [];
  const opened = isType(entity.root, "multipart/mixed") && original?.disposition?.kind === "attachment";
  return bodyOf(entity, opened && inside !== undefined ? inside : entity.root);
}

function hashOf(body: Buffer): Buffer {
  const hash = new BodyHash();
  hash.push(Buffer.from("\n"));
  hash.push(body);
  return hash.digest();
}

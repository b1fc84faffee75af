import type { OpenPgpKeys } from "../../keyring/openpgp-keys.ts";
import { parseAddressList } from "../../mime/address-list.ts";
import { parseDateTime } from "../../mime/date.ts";
import { headerFields } from "../../mime/header.ts";
import { messageId } from "../../mime/message-ids.ts";
import type { Part } from "../../mime/part.ts";
import { type AutocryptField, parseAutocrypt } from "./autocrypt-header.ts";
import { decodePeerState, type PeerState, seeGossip, seeLetter } from "./autocrypt-peer.ts";
import { decodedBodyOf, type Entity, headerOf, isType } from "./entity.ts";
import type { KeyBook } from "./key-book.ts";
import { addressesOf, readCertificate, readCertificates } from "./key-material.ts";
import type { OpenedLetter } from "./layers.ts";
import { MAX_KEY, MAX_KEYS_OF_A_LETTER } from "./limits.ts";
import { fromAddress } from "./protected-headers.ts";

export interface KeyCollectorOptions {
  readonly book: KeyBook;
  readonly store: OpenPgpKeys;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Takes the keys out of letters: Autocrypt and its gossip (level 1), and certificates that are attached. */
export class KeyCollector {
  readonly #book: KeyBook;
  readonly #store: OpenPgpKeys;
  readonly #now: () => number;

  constructor({ book, store, now }: KeyCollectorOptions) {
    this.#book = book;
    this.#store = store;
    this.#now = now;
  }

  /** What can be read without opening the letter, or, once it is opened, what was in it. */
  async collect(letter: Entity, opened?: OpenedLetter): Promise<void> {
    const header = headerOf(letter, letter.root);
    const from = fromAddress(header);
    if (from === undefined) return;
    const effectiveDate = this.#effectiveDate(header);
    if (opened === undefined) {
      await this.#seeLetter(letter, header, from, effectiveDate);
      await this.#attached(letter, from);
      return;
    }
    if (opened.encryption !== "opened") return;
    this.#change(from, (state) => ({ ...state, sentEncrypted: this.#now() }));
    for (const entity of [headerOf(opened.payload, opened.payload.root), header]) {
      const id = messageId(entity);
      if (id !== undefined) this.#store.rememberEncrypted(id);
    }
    await this.#attached(opened.payload, from);
    await this.#gossip(header, opened.payload, effectiveDate);
  }

  async #seeLetter(letter: Entity, header: Buffer, from: string, effectiveDate: number): Promise<void> {
    const fields = [...headerFields(header)];
    const automatic = fields.some(({ key, value }) => key === "auto-submitted" && /^auto-replied/i.test(value));
    if (automatic || isType(letter.root, "multipart/report")) return;
    const valid: AutocryptField[] = fields
      .filter(({ key }) => key === "autocrypt")
      .flatMap((field) => parseAutocrypt(field) ?? [])
      .filter(({ address }) => address === from);
    // Several valid ones are an error: none counts.
    const [field] = valid.length === 1 ? valid : [];
    const key = field && (await readCertificate(field.keydata));
    if (field === undefined || key === undefined) {
      this.#change(from, (state) => seeLetter(state, { effectiveDate }), false);
      return;
    }
    const fingerprint = key.getFingerprint();
    await this.#book.learn(key, from, "autocrypt");
    const autocrypt = { fingerprint, preferEncrypt: field.preferEncrypt };
    this.#change(from, (state) => seeLetter(state, { effectiveDate, autocrypt }));
  }

  /** Those whose user id says that they are the sender's: others' keys are nobody's to pass on like this. */
  async #attached(entity: Entity, from: string): Promise<void> {
    let taken = 0;
    for (const part of parts(entity.root)) {
      if (!isType(part, "application/pgp-keys") || part.bodyEnd - part.bodyStart > 2 * MAX_KEY) continue;
      for (const key of await readCertificates(await decodedBodyOf(entity, part))) {
        if (++taken > MAX_KEYS_OF_A_LETTER) return;
        if ((await addressesOf(key, this.#now())).includes(from)) await this.#book.learn(key, from, "attachment");
      }
    }
  }

  /** Key gossip stands in the header of what was encrypted, and is about who else got the letter. */
  async #gossip(header: Buffer, payload: Entity, effectiveDate: number): Promise<void> {
    const recipients = new Set(addressees(header));
    const inner = headerOf(payload, payload.root);
    for (const address of addressees(inner)) recipients.add(address);
    const fields = [...headerFields(inner)].filter(({ key }) => key === "autocrypt-gossip");
    for (const raw of fields.slice(0, MAX_KEYS_OF_A_LETTER)) {
      const field = parseAutocrypt(raw);
      if (field === undefined || !recipients.has(field.address)) continue;
      const key = await readCertificate(field.keydata);
      if (key === undefined) continue;
      await this.#book.learn(key, field.address, "gossip");
      this.#change(field.address, (state) => seeGossip(state, key.getFingerprint(), effectiveDate));
    }
  }

  /** Without `create`, somebody of whom nothing is kept stays unknown: not every newsletter needs a row. */
  #change(address: string, step: (state: PeerState) => PeerState, create = true): void {
    const text = this.#store.peerState(address);
    if (text === undefined && !create) return;
    const before = decodePeerState(text);
    const after = step(before);
    if (after !== before) this.#store.setPeerState(address, JSON.stringify(after));
  }

  #effectiveDate(header: Buffer): number {
    const now = this.#now();
    const field = [...headerFields(header)].find(({ key }) => key === "date");
    const date = parseDateTime(field?.value ?? "")?.time ?? now;
    return date > now ? now : date;
  }
}

function* parts(part: Part): Generator<Part> {
  yield part;
  for (const child of part.children ?? []) yield* parts(child);
}

function addressees(header: Buffer): string[] {
  return [...headerFields(header)]
    .filter(({ key }) => key === "to" || key === "cc" || key === "reply-to")
    .flatMap(({ value }) => parseAddressList(value))
    .flatMap((one) => (one.kind === "group" ? one.members : [one]))
    .map(({ local, domain }) => `${local}@${domain}`.toLowerCase());
}

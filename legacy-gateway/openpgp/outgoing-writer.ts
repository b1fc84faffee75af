import type { OpenPgpKeys } from "../../keyring/openpgp-keys.ts";
import { messageId } from "../../mime/message-ids.ts";
import { formatObjections, type Policy } from "../policy/decide.ts";
import type { PolicyStore } from "../policy/policy-store.ts";
import type { AccountPreferences } from "./account-preferences.ts";
import { decodePeerState, recommend } from "./autocrypt-peer.ts";
import type { KeyBook, RecipientKey } from "./key-book.ts";
import { type FetchKey, type LookupPlace, lookUpKey } from "./key-lookup.ts";
import { MAX_OPENED } from "./limits.ts";
import { type ProtectionParts, protectOutgoing } from "./protect-outgoing.ts";

/** A letter that is about to leave, and what becomes of it; the gateway's ports have the same shapes. */
interface Leaving {
  readonly account: { readonly address: string; readonly plain: "allowed" | "refused" };
  readonly recipients: readonly string[];
  /** With its empty line. */
  readonly header: Buffer;
  readonly body: AsyncIterable<Uint8Array>;
}
type Written =
  | { readonly kind: "leaves"; readonly how: "encrypted" | "plain"; readonly content: AsyncIterable<Uint8Array> }
  | { readonly kind: "refused"; readonly why: string };

export interface OpenPgpWriterOptions {
  readonly book: KeyBook;
  readonly store: OpenPgpKeys;
  readonly policies: PolicyStore;
  readonly preferences: AccountPreferences;
  /** Where keys may be asked for that are not known; nobody is asked where it is empty. */
  readonly lookup: { readonly places: readonly LookupPlace[]; readonly fetch: FetchKey };
  /** As ProtectionParts.invitation. */
  readonly invitation?: NonNullable<ProtectionParts["invitation"]>;
  /** Whether letters to the address went over the overlay once, which counts as if they had sent something encrypted. */
  readonly hasMoved?: (address: string) => boolean;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** Makes of a letter what leaves: encrypted, in the clear where that is allowed, or nothing. */
export function createOpenPgpWriter(options: OpenPgpWriterOptions) {
  const { book, store, policies, preferences, invitation, hasMoved, now } = options;
  return async ({ account, recipients, header, body }: Leaving): Promise<Written> => {
    const general: Policy = account.plain === "allowed" ? "encrypt-if-possible" : "encrypt-or-refuse";
    const own = preferences.of(account.address);
    const { head, rest } = await take(body);
    // Of a letter that is too long to be encrypted, the header alone is asked about: it decides all the same.
    const content = rest === undefined ? Buffer.concat([header, head]) : header;
    const done = await protectOutgoing(
      { from: account.address, recipients, content },
      {
        general,
        preferences: rest === undefined ? own : { ...own, signPlain: false },
        ownFor: (address) => book.ownFor(address),
        keyFor: (address) => keyFor(address, options),
        facts(address) {
          const { policy, plainConfirmed } = policies.of(address);
          const peer = decodePeerState(store.peerState(address.toLowerCase()));
          const advice = recommend({
            peer,
            isUsable: (fingerprint) => book.belongsTo(fingerprint, address.toLowerCase()),
            ownPreference: own.preferEncrypt,
            replyToEncrypted: false,
          });
          return {
            ...(policy !== undefined && { own: policy }),
            plainConfirmed,
            sentEncrypted: peer.sentEncrypted !== undefined || hasMoved?.(address) === true,
            advice,
          };
        },
        cameEncrypted: (ids) => store.wasEncrypted(ids),
        ...(invitation && { invitation }),
        now,
      },
    );
    if (done.kind === "refuse") return { kind: "refused", why: formatObjections(done.because) };
    if (rest === undefined) {
      const id = done.how === "encrypted" ? messageId(header) : undefined;
      if (id !== undefined) store.rememberEncrypted(id);
      return { kind: "leaves", how: done.how, content: only(done.content) };
    }
    if (done.how === "encrypted")
      return {
        kind: "refused",
        why: `A letter of more than ${MAX_OPENED / 1024 / 1024} MiB cannot be encrypted: make it smaller`,
      };
    return { kind: "leaves", how: "plain", content: chain([done.content, head], rest) };
  };
}

async function keyFor(address: string, { book, lookup, now }: OpenPgpWriterOptions): Promise<RecipientKey> {
  const known = await book.keyFor(address);
  if (known.kind !== "none" || lookup.places.length === 0) return known;
  const found = await lookUpKey(address, lookup.places, lookup.fetch, now());
  if (found === undefined) return known;
  await book.learn(found.key, address.toLowerCase(), found.origin);
  return await book.keyFor(address);
}

/** The whole body, or, of one that is too long to be encrypted, what was read of it and the rest. */
async function take(body: AsyncIterable<Uint8Array>): Promise<{ head: Buffer; rest?: AsyncIterator<Uint8Array> }> {
  const chunks = body[Symbol.asyncIterator]();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    pieces.push(next.value);
    length += next.value.length;
    if (length > MAX_OPENED) return { head: Buffer.concat(pieces, length), rest: chunks };
  }
  return { head: Buffer.concat(pieces, length) };
}

async function* only(content: Uint8Array): AsyncGenerator<Uint8Array> {
  yield content;
}

async function* chain(pieces: readonly Uint8Array[], rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    yield* pieces;
    for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value;
  } finally {
    await rest.return?.();
  }
}

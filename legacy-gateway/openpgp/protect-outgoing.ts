import type { PrivateKey, PublicKey } from "openpgp";
import type { KeyBinding } from "../../keyring/openpgp-keys.ts";
import { parseAddressList } from "../../mime/address-list.ts";
import { keepField } from "../../mime/field-text.ts";
import { headerFields } from "../../mime/header.ts";
import { parseMessageIds } from "../../mime/message-ids.ts";
import { decide, type Objection, type Policy, type RecipientFacts } from "../policy/decide.ts";
import { formatInvitation } from "../upgrade/invitation-field.ts";
import type { OpenPgpPreferences } from "./account-preferences.ts";
import { formatAutocrypt, type PreferEncrypt } from "./autocrypt-header.ts";
import type { Recommendation } from "./autocrypt-peer.ts";
import { bodyOf, headerOf, parseEntity } from "./entity.ts";
import type { RecipientKey } from "./key-book.ts";
import { minimalCertificate } from "./key-material.ts";
import { type EncryptLetterOptions, encryptLetter, signLetter } from "./write-letter.ts";

export interface OutgoingLetter {
  /** The account's address. */
  readonly from: string;
  /** Old addresses alone. */
  readonly recipients: readonly string[];
  /** With everything that must not leave taken out already. */
  readonly content: Buffer;
}

export type Protected =
  | { readonly kind: "send"; readonly how: "encrypted" | "plain"; readonly content: Buffer }
  | { readonly kind: "refuse"; readonly because: readonly Objection[] };

export interface ProtectionParts {
  readonly general: Policy;
  readonly preferences: OpenPgpPreferences;
  ownFor(address: string): PrivateKey | undefined;
  keyFor(address: string): Promise<RecipientKey>;
  /** What is known but for the keys; `advice` is Autocrypt's, on the key with that fingerprint. */
  facts(address: string): Pick<RecipientFacts, "own" | "sentEncrypted" | "plainConfirmed"> & {
    readonly advice: { readonly recommendation: Recommendation; readonly key?: string };
  };
  /** Whether one of these letters was encrypted; Message-IDs without brackets. */
  cameEncrypted(messageIds: readonly string[]): boolean;
  /** The invitation for an address, in an encrypted letter or in one that providers read; undefined where there is to be none. */
  invitation?(address: string, encrypted: boolean): string | undefined;
  /** Milliseconds since 1970. */
  now(): number;
  /** For tests that let it fail. */
  readonly encrypt?: (letter: Buffer, options: EncryptLetterOptions) => Promise<Buffer>;
}

/**
 * Decides how a letter goes and makes it so. What is to be encrypted and cannot be is refused: there is no way from here
 * to the clear but the decision itself. Throws what the encryption throws.
 */
export async function protectOutgoing(letter: OutgoingLetter, parts: ProtectionParts): Promise<Protected> {
  const { from, recipients, content } = letter;
  const own = parts.ownFor(from);
  const keys = new Map<string, PublicKey>();
  const facts: RecipientFacts[] = [];
  for (const address of recipients) {
    const found = await parts.keyFor(address);
    if (found.kind === "key") keys.set(address, found.key);
    const { advice, ...known } = parts.facts(address);
    facts.push({
      ...known,
      address,
      recommended: advice.recommendation === "encrypt",
      reluctant: found.kind === "key" && isReluctant(found.binding, advice),
      hasKey: found.kind === "key",
      ...(found.kind === "unusable" && { keyProblem: found.fitness }),
    });
  }
  const answersEncrypted = parts.cameEncrypted(answered(content));
  const decision = decide({
    general: parts.general,
    recipients: facts,
    hasOwnKey: own !== undefined,
    answersEncrypted,
  });
  if (decision.kind === "refuse") return decision;
  const now = parts.now();
  const { preferEncrypt, signPlain } = parts.preferences;
  const introduced = own === undefined ? content : await withAutocrypt(content, { from, own, preferEncrypt, now });
  // What is made for one must not be seen by two.
  const [only, ...more] = recipients;
  const link =
    only === undefined || more.length > 0 ? undefined : parts.invitation?.(only, decision.kind === "encrypt");
  const invitation = link === undefined ? [] : [formatInvitation(link)];
  if (decision.kind === "plain") {
    const signed = own !== undefined && signPlain ? await signLetter(introduced, { own, now }) : undefined;
    const plain = Buffer.concat([Buffer.from(invitation.join(""), "latin1"), signed ?? introduced]);
    return { kind: "send", how: "plain", content: plain };
  }
  if (own === undefined) throw new Error("it was decided to encrypt without a key");
  const keyOf = (address: string): PublicKey => {
    const key = keys.get(address);
    if (key === undefined) throw new Error("it was decided to encrypt to somebody without a key");
    return key;
  };
  const named = namedIn(content);
  const visible = recipients.filter((address) => named.has(address.toLowerCase()));
  const sealed = await (parts.encrypt ?? encryptLetter)(introduced, {
    own,
    recipients: recipients.map(keyOf),
    // What names the keys would tell all recipients of those who are named in no field.
    anonymous: visible.length < recipients.length,
    gossip: visible.length > 1 ? await gossipOf(visible, keyOf, now) : [],
    inside: invitation,
    now,
  });
  return { kind: "send", how: "encrypted", content: sealed };
}

/** Autocrypt is asked about keys that it alone knows, and not where it knows another one that the user did not accept. */
function isReluctant(
  { origin, fingerprint }: KeyBinding,
  { recommendation, key }: { readonly recommendation: Recommendation; readonly key?: string },
): boolean {
  if (origin === "gossip") return true;
  return origin === "autocrypt" && key === fingerprint && recommendation !== "encrypt";
}

/** Ids of the letters that this one answers. */
function answered(content: Buffer): readonly string[] {
  const entity = parseEntity(content);
  return [...headerFields(headerOf(entity, entity.root))]
    .filter(({ key }) => key === "in-reply-to" || key === "references")
    .flatMap(({ value }) => parseMessageIds(value));
}

/** Lower-case addresses in the fields that every recipient sees. */
function namedIn(content: Buffer): ReadonlySet<string> {
  const entity = parseEntity(content);
  const addresses = [...headerFields(headerOf(entity, entity.root))]
    .filter(({ key }) => key === "to" || key === "cc")
    .flatMap(({ value }) => parseAddressList(value))
    .flatMap((one) => (one.kind === "group" ? one.members : [one]));
  return new Set(addresses.map(({ local, domain }) => `${local}@${domain}`.toLowerCase()));
}

/** With our own Autocrypt field in place of any that stood there. */
async function withAutocrypt(
  content: Buffer,
  sender: {
    readonly from: string;
    readonly own: PrivateKey;
    readonly preferEncrypt: PreferEncrypt;
    readonly now: number;
  },
): Promise<Buffer> {
  const { from: address, own, preferEncrypt, now } = sender;
  const keydata = await minimalCertificate(own, address, now).catch(() => undefined);
  const field = keydata && formatAutocrypt("Autocrypt", { address, preferEncrypt, keydata });
  if (field === undefined) return content;
  const entity = parseEntity(content);
  const kept = [...headerFields(headerOf(entity, entity.root))].filter(({ key }) => !key.startsWith("autocrypt"));
  return Buffer.concat([
    Buffer.from(`${kept.map(keepField).join("")}${field}\r\n`, "latin1"),
    bodyOf(entity, entity.root),
  ]);
}

async function gossipOf(
  addresses: readonly string[],
  keyOf: (address: string) => PublicKey,
  now: number,
): Promise<readonly string[]> {
  const fields: string[] = [];
  for (const address of addresses) {
    const keydata = await minimalCertificate(keyOf(address), address, now).catch(() => undefined);
    const one = keydata && { address, preferEncrypt: "nopreference" as const, keydata };
    const field = one && formatAutocrypt("Autocrypt-Gossip", one);
    if (field !== undefined) fields.push(field);
  }
  return fields;
}

import {
  createMessage,
  enums,
  type Message,
  type PrivateKey,
  type PublicKey,
  readMessage,
  readSignature,
  verify,
} from "openpgp";
import { MAX_ANONYMOUS, MAX_SESSION_KEYS, MAX_SIGNATURES } from "./limits.ts";
import { OPENPGP_CONFIG, plainBytes } from "./openpgp-config.ts";
import { judgeSignature, type SignatureCheck } from "./signature-check.ts";

/** The keys that letters are opened and checked with. */
export interface ReadingKeys {
  /** Not protected by a passphrase. */
  readonly own: readonly PrivateKey[];
  /** Certificates that hold one of these key ids (16 hexadecimal digits), the own ones too. */
  withKeyId(keyIds: readonly string[]): Promise<readonly PublicKey[]>;
}

export type RefusedReason =
  /** Without integrity protection, or with a broken one: what EFAIL needs. */
  | "no-integrity"
  /** Not what RFC 9580 allows, truncated, or changed. */
  | "broken"
  | "beyond-limits";

export type OpenedMessage =
  | { readonly kind: "opened"; readonly data: Buffer; readonly signatures: readonly SignatureCheck[] }
  /** For none of the own keys, or with a password. */
  | { readonly kind: "no-key" }
  | { readonly kind: "refused"; readonly reason: RefusedReason };

/**
 * Opens an encrypted OpenPGP message (RFC 9580), armored or binary, whole: nothing comes out of one that is not
 * authenticated to its end. `now` is in milliseconds since 1970. Never throws on the message.
 */
export async function openMessage(octets: Uint8Array, keys: ReadingKeys, now: number): Promise<OpenedMessage> {
  let message: Message<Uint8Array> | Message<string>;
  try {
    message = await parse(octets);
  } catch {
    return { kind: "refused", reason: "broken" };
  }
  const tags = message.packets.map((packet) => tagOf(packet));
  if (tags.includes(enums.packet.symmetricallyEncryptedData)) return { kind: "refused", reason: "no-integrity" };
  const keyIds = message.getEncryptionKeyIDs().map((id) => id.toHex());
  const anonymous = keyIds.filter((id) => /^0+$/.test(id)).length;
  if (keyIds.length > MAX_SESSION_KEYS || anonymous > MAX_ANONYMOUS)
    return { kind: "refused", reason: "beyond-limits" };
  const named = keys.own.filter((key) => key.getKeys().some((part) => keyIds.includes(part.getKeyID().toHex())));
  const candidates = anonymous > 0 ? keys.own : named;
  if (candidates.length === 0) return { kind: "no-key" };
  const date = new Date(now);
  let plain: Message<Uint8Array>;
  try {
    plain = (await message.decrypt([...candidates], undefined, undefined, date, OPENPGP_CONFIG)) as Message<Uint8Array>;
    const data = plain.getLiteralData();
    if (data === null) return { kind: "refused", reason: "broken" };
    const checked = await checkSignatures(plain, keys, date);
    if (checked === undefined) return { kind: "refused", reason: "beyond-limits" };
    return { kind: "opened", data: Buffer.from(data), signatures: checked };
  } catch (error) {
    return failed(error, named.length > 0);
  }
}

/** Checks a detached signature (RFC 3156 section 5) over the octets, which are taken with CRLF. Never throws on its input. */
export async function checkDetached(
  signed: Uint8Array,
  signature: Uint8Array,
  keys: ReadingKeys,
  now: number,
): Promise<readonly SignatureCheck[]> {
  try {
    const armored = isArmored(signature);
    const parsed = armored
      ? await readSignature({ armoredSignature: Buffer.from(signature).toString("latin1"), config: OPENPGP_CONFIG })
      : await readSignature({ binarySignature: plainBytes(signature), config: OPENPGP_CONFIG });
    const ids = parsed.getSigningKeyIDs().map((id) => id.toHex());
    if (ids.length === 0 || ids.length > MAX_SIGNATURES) return [{ result: "bad" }];
    const verificationKeys = [...(await keys.withKeyId(ids))];
    const message = await createMessage({ binary: plainBytes(signed) });
    const { signatures } = await verify({
      message,
      signature: parsed,
      verificationKeys,
      format: "binary",
      date: new Date(now),
      config: OPENPGP_CONFIG,
    });
    const checks = await Promise.all(signatures.map((one) => judgeSignature(one, verificationKeys)));
    return checks.length === 0 ? [{ result: "bad" }] : checks;
  } catch {
    return [{ result: "bad" }];
  }
}

async function checkSignatures(
  message: Message<Uint8Array>,
  keys: ReadingKeys,
  date: Date,
): Promise<readonly SignatureCheck[] | undefined> {
  const ids = message.getSigningKeyIDs().map((id) => id.toHex());
  if (ids.length === 0) return [];
  if (ids.length > MAX_SIGNATURES) return undefined;
  const verificationKeys = [...(await keys.withKeyId(ids))];
  const signatures = await message.verify(verificationKeys, date, OPENPGP_CONFIG);
  return await Promise.all(signatures.map((one) => judgeSignature(one, verificationKeys)));
}

async function parse(octets: Uint8Array): Promise<Message<Uint8Array> | Message<string>> {
  if (!isArmored(octets)) return await readMessage({ binaryMessage: plainBytes(octets), config: OPENPGP_CONFIG });
  const armoredMessage = Buffer.from(octets).toString("latin1");
  return await readMessage({ armoredMessage, config: OPENPGP_CONFIG });
}

export function isArmored(octets: Uint8Array): boolean {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length).includes("-----BEGIN PGP ");
}

function tagOf(packet: object): number {
  const { tag } = packet.constructor as { tag?: number };
  return tag ?? ("tag" in packet ? Number(packet.tag) : -1);
}

/** openpgp.js has no codes for its errors: their texts are read. */
function failed(error: unknown, named: boolean): OpenedMessage {
  const text = error instanceof Error ? error.message : String(error);
  if (/maximum decompressed/i.test(text)) return { kind: "refused", reason: "beyond-limits" };
  if (/modification|integrity|not authenticated|authentication/i.test(text))
    return { kind: "refused", reason: "no-integrity" };
  if (/session key decryption failed|no decryption key/i.test(text) && !named) return { kind: "no-key" };
  return { kind: "refused", reason: "broken" };
}

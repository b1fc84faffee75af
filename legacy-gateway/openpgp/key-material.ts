import {
  type AnyPacket,
  decryptKey,
  enums,
  generateKey,
  type Key,
  PacketList,
  type PrivateKey,
  type PublicKey,
  readKey,
  Subkey,
  UserIDPacket,
} from "openpgp";
import { Failure } from "../../foundation/failure.ts";
import type { NewCertificate } from "../../keyring/openpgp-keys.ts";
import { parseAddressList } from "../../mime/address-list.ts";
import { MAX_IMPORT, MAX_IMPORTED_KEYS, MAX_KEY } from "./limits.ts";
import { OPENPGP_CONFIG, plainBytes } from "./openpgp-config.ts";
import { splitKeyring } from "./split-keyring.ts";

/** Whether a certificate can be encrypted to, as of a time. */
export type Fitness = "fit" | "expired" | "revoked" | "weak" | "unfit";

/** What the store keeps of a certificate; it is found by the ids of the keys that may sign for it. */
export async function toCertificate(key: Key): Promise<NewCertificate> {
  const certificate = key.toPublic().write();
  const keyIds = [key.getKeyID().toHex()];
  for (const subkey of key.subkeys) if (await signsFor(key, subkey)) keyIds.push(subkey.getKeyID().toHex());
  return { fingerprint: key.getFingerprint(), certificate, keyIds };
}

/**
 * Whether a subkey has agreed to sign for the primary key (RFC 9580, primary key binding): else anybody could put
 * somebody's key into a certificate of their own, where it would be found in place of the right one. Whether it
 * may sign at a certain time is another question.
 */
async function signsFor({ keyPacket: primary }: Key, { keyPacket, bindingSignatures }: Subkey): Promise<boolean> {
  const bound = { key: primary, bind: keyPacket };
  for (const binding of bindingSignatures) {
    const { embeddedSignature: agreed, created } = binding;
    if (agreed === null || agreed.created === null || created === null) continue;
    try {
      const { subkeyBinding, keyBinding } = enums.signature;
      await binding.verify(primary, subkeyBinding, bound, created, false, OPENPGP_CONFIG);
      await agreed.verify(keyPacket, keyBinding, bound, agreed.created, false, OPENPGP_CONFIG);
      return true;
    } catch {
      // Forged, or of an algorithm that counts for nothing.
    }
  }
  return false;
}

/** One certificate from the store, or from a letter; undefined where it is none, or too large. */
export async function readCertificate(octets: Uint8Array): Promise<PublicKey | undefined> {
  const [only, ...more] = await readCertificates(octets);
  return more.length > 0 ? undefined : only;
}

/** The public certificates in octets from outside, armored or binary; those that are damaged or too large are left out. */
export async function readCertificates(octets: Uint8Array): Promise<readonly PublicKey[]> {
  return (await readKeysOf(octets)).map((key) => key.toPublic());
}

/**
 * Keys that the user brings: armored or binary, one or a whole keyring, public and secret. Those that this version of
 * OpenPGP does not know are left out.
 * @throws Failure invalid, too-big
 */
export async function readKeyring(octets: Uint8Array): Promise<readonly Key[]> {
  if (octets.length > MAX_IMPORT)
    throw new Failure("too-big", "the file has more than 16 MiB: export only the keys that you need");
  const found = await readKeysOf(octets);
  if (found.length === 0)
    throw new Failure(
      "invalid",
      "the file holds no OpenPGP keys that can be read: make it with gpg --export or gpg --export-secret-keys",
    );
  return found;
}

async function readKeysOf(octets: Uint8Array): Promise<readonly Key[]> {
  const found: Key[] = [];
  for (const one of splitKeyring(octets).slice(0, MAX_IMPORTED_KEYS)) {
    if (one.length > MAX_KEY) continue;
    try {
      found.push(await readKey({ binaryKey: plainBytes(one), config: OPENPGP_CONFIG }));
    } catch {
      // Damaged, or of a kind that is not known.
    }
  }
  return found;
}

/** With its passphrase taken off. @throws Failure forbidden for a wrong or missing passphrase, invalid for a key on a card */
export async function withoutPassphrase(key: PrivateKey, passphrase: string | undefined): Promise<PrivateKey> {
  if (key.isDecrypted()) return key;
  if (passphrase === undefined)
    throw new Failure("forbidden", "the secret key is protected: give its passphrase with --passphrase-file FILE");
  try {
    return await decryptKey({ privateKey: key, passphrase, config: OPENPGP_CONFIG });
  } catch (error) {
    throw new Failure("forbidden", "the passphrase does not open the secret key", { cause: error });
  }
}

/** A key as every program of today reads it: version 4, Ed25519 and Curve25519 (Autocrypt level 1). */
export async function makeKey(address: string, name: string | undefined, now: number): Promise<PrivateKey> {
  const { privateKey } = await generateKey({
    userIDs: { email: address, ...(name !== undefined && { name }) },
    type: "ecc",
    curve: "curve25519Legacy",
    format: "object",
    date: new Date(now),
    config: OPENPGP_CONFIG,
  });
  return privateKey;
}

/** The addresses, in lower case, whose user id the key itself certifies and has not revoked. */
export async function addressesOf(key: Key, now: number): Promise<readonly string[]> {
  const addresses = new Set<string>();
  for (const user of key.users) {
    const text = user.userID?.userID;
    if (text === undefined) continue;
    try {
      await user.verify(new Date(now), OPENPGP_CONFIG);
    } catch {
      continue;
    }
    const address = addressIn(text);
    if (address !== undefined) addresses.add(address);
  }
  return [...addresses];
}

export function addressIn(userId: string): string | undefined {
  const [mailbox] = parseAddressList(Buffer.from(userId, "utf8").toString("latin1")).flatMap((one) =>
    one.kind === "group" ? one.members : [one],
  );
  if (mailbox === undefined || mailbox.domain === "" || mailbox.local === "") return undefined;
  return `${mailbox.local}@${mailbox.domain}`.toLowerCase();
}

/** Whether it can be encrypted to now. */
export async function fitnessOf(key: Key, now: number): Promise<Fitness> {
  const date = new Date(now);
  try {
    await key.getEncryptionKey(undefined, date, undefined, OPENPGP_CONFIG);
    return "fit";
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    if (await key.isRevoked(undefined, undefined, date, OPENPGP_CONFIG).catch(() => true)) return "revoked";
    if (/expired/i.test(text)) return "expired";
    return /too weak|insecure|disabled/i.test(text) ? "weak" : "unfit";
  }
}

/** Both states of one certificate in one: what a revocation or a later expiry says counts, wherever it came from. */
export async function merge(known: PublicKey, newer: PublicKey, now: number): Promise<PublicKey> {
  return await known.update(newer, new Date(now), OPENPGP_CONFIG);
}

/**
 * The certificate as Autocrypt wants it: the primary key, one user id and one key to encrypt to, each with its newest
 * signature. Of the user ids the one with the address is taken, if there is one. Throws where it cannot be encrypted to.
 */
export async function minimalCertificate(key: Key, address: string, now: number): Promise<Buffer> {
  const date = new Date(now);
  const primary = await key
    .getPrimaryUser(date, { email: address }, OPENPGP_CONFIG)
    .catch(() => key.getPrimaryUser(date, undefined, OPENPGP_CONFIG));
  const encryptionKey = await key.toPublic().getEncryptionKey(undefined, date, undefined, OPENPGP_CONFIG);
  const packets = new PacketList<AnyPacket>();
  packets.push(key.toPublic().keyPacket, primary.user.userID ?? new UserIDPacket(), primary.selfCertification);
  if (encryptionKey instanceof Subkey)
    packets.push(encryptionKey.keyPacket, await encryptionKey.verify(date, OPENPGP_CONFIG));
  return Buffer.from(packets.write());
}

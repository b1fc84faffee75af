import { randomInt } from "node:crypto";
import { createMessage, decrypt, encrypt, enums, type PrivateKey, readMessage } from "openpgp";
import { Failure } from "../../foundation/failure.ts";
import type { PreferEncrypt } from "./autocrypt-header.ts";
import { decodedBodyOf, type Entity, isType } from "./entity.ts";
import { readKeyring } from "./key-material.ts";
import { MAX_SETUP_MESSAGE } from "./limits.ts";
import { OPENPGP_CONFIG } from "./openpgp-config.ts";

/** Nine blocks of four digits: some 119 bits (Autocrypt level 1, "Setup Code"). */
export function makeSetupCode(): string {
  return Array.from({ length: 9 }, () => String(randomInt(10_000)).padStart(4, "0")).join("-");
}

/**
 * The message that carries one's key to another program of one's own, without From, To, Date and the like (Autocrypt
 * level 1, "Autocrypt Setup Message"). Whoever has it and the code has the key.
 */
export async function formatSetupMessage(key: PrivateKey, code: string, preferEncrypt: PreferEncrypt): Promise<string> {
  const armored = key.armor().replace(/^(-----BEGIN [^\n]*\n)/, `$1Autocrypt-Prefer-Encrypt: ${preferEncrypt}\n`);
  const sealed = await encrypt({
    message: await createMessage({ text: armored }),
    passwords: code,
    config: {
      ...OPENPGP_CONFIG,
      preferredSymmetricAlgorithm: enums.symmetric.aes256,
      s2kType: enums.s2k.iterated,
      aeadProtect: false,
    },
  });
  const told = `Passphrase-Format: numeric9x4\nPassphrase-Begin: ${code.slice(0, 2)}\n`;
  const body = sealed.replace(/^(-----BEGIN [^\n]*\n)/, `$1${told}`).replace(/\r?\n/g, "\r\n");
  return [
    "Autocrypt-Setup-Message: v1",
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="postern-setup"',
    "",
    "--postern-setup",
    "Content-Type: text/plain",
    "",
    "This message carries your secret OpenPGP key to another mail program of yours.",
    "Open it there, and type the setup code that was shown when it was made.",
    "",
    "--postern-setup",
    "Content-Type: application/autocrypt-setup",
    'Content-Disposition: attachment; filename="autocrypt-setup-message.asc"',
    "",
    body.trimEnd(),
    "",
    "--postern-setup--",
    "",
  ].join("\r\n");
}

/** The sealed part of a setup message; undefined where it is none. */
export async function setupMessageOf(letter: Entity): Promise<string | undefined> {
  const part = letter.root.children?.find((one) => isType(one, "application/autocrypt-setup"));
  if (part === undefined) return undefined;
  const text = (await decodedBodyOf(letter, part)).toString("latin1");
  return text.length > MAX_SETUP_MESSAGE ? undefined : text;
}

/** @throws Failure forbidden for a wrong code, invalid for what is no setup message */
export async function openSetupMessage(
  text: string,
  code: string,
): Promise<{ readonly key: PrivateKey; readonly preferEncrypt: PreferEncrypt }> {
  const armored = /-----BEGIN PGP MESSAGE-----[\s\S]*?-----END PGP MESSAGE-----/.exec(text)?.[0];
  if (armored === undefined || text.length > MAX_SETUP_MESSAGE)
    throw new Failure("invalid", "this is no Autocrypt setup message");
  const digits = code.replace(/\D/g, "");
  const passwords = digits.length === 36 ? (digits.match(/.{4}/g) ?? []).join("-") : code;
  let inside: string;
  try {
    const message = await readMessage({ armoredMessage: armored, config: OPENPGP_CONFIG });
    // The code must be what it was sealed with: a message that anybody could have sealed to a key proves nothing.
    if (message.getEncryptionKeyIDs().length > 0) throw new Error("sealed to a key");
    inside = (await decrypt({ message, passwords, config: OPENPGP_CONFIG })).data;
  } catch (error) {
    throw new Failure("forbidden", "the setup code does not open this message: it is 36 digits in nine blocks", {
      cause: error,
    });
  }
  const block = /^\s*(-----BEGIN PGP PRIVATE KEY BLOCK-----[\s\S]*?-----END PGP PRIVATE KEY BLOCK-----)/.exec(
    inside,
  )?.[1];
  if (block === undefined) throw new Failure("invalid", "the setup message holds no secret key");
  const [key, ...more] = await readKeyring(Buffer.from(block, "latin1"));
  if (key === undefined || more.length > 0 || !key.isPrivate() || !key.isDecrypted())
    throw new Failure("invalid", "the setup message holds no secret key");
  const preferEncrypt = /^Autocrypt-Prefer-Encrypt:[ \t]*mutual[ \t]*\r?$/m.test(block) ? "mutual" : "nopreference";
  return { key, preferEncrypt };
}

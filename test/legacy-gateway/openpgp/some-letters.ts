import { type LetterKeys, readLetter } from "../../../legacy-gateway/openpgp/read-letter.ts";
import { NOW } from "./some-keys.ts";

export const NEEDLE = "THE-NEEDLE";

/** What is inside: a part with the needle in it. */
export const PAYLOAD = `Content-Type: text/plain; charset=utf-8\r\n\r\n${NEEDLE}\r\n`;

export const FROM =
  "From: Bob <bob@example.org>\r\nTo: alice@example.org\r\nSubject: outside\r\nMessage-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n";

/** A PGP/MIME letter around an armored message. */
export function encryptedLetter(armored: string, header = FROM): string {
  return (
    `${header}Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="enc"\r\n\r\n` +
    "--enc\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n\r\n" +
    `--enc\r\nContent-Type: application/octet-stream\r\n\r\n${armored.replace(/\r?\n/g, "\r\n")}\r\n--enc--\r\n`
  );
}

/** A PGP/MIME letter with a detached signature over the part. */
export function signedLetter(part: string, signature: string, header = FROM): string {
  return (
    `${header}Content-Type: multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="sig"\r\n\r\n` +
    `--sig\r\n${part}\r\n--sig\r\nContent-Type: application/pgp-signature\r\n\r\n${signature.replace(/\r?\n/g, "\r\n")}\r\n--sig--\r\n`
  );
}

export async function* only(text: string | Buffer): AsyncGenerator<Uint8Array> {
  yield typeof text === "string" ? Buffer.from(text, "latin1") : text;
}

export async function textOf(content: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

export async function read(letter: string, keys: LetterKeys, now = NOW) {
  const { content, keywords, verdict } = await readLetter(only(letter), { keys, now });
  return { text: await textOf(content), keywords, verdict };
}

import { randomBytes } from "node:crypto";
import { createMessage, encrypt, enums, type PrivateKey, type PublicKey, SignaturePacket, sign } from "openpgp";
import { foldedField, keepField } from "../../mime/field-text.ts";
import { type HeaderField, headerFields } from "../../mime/header.ts";
import { bodyOf, headerOf, parseEntity } from "./entity.ts";
import { OPENPGP_CONFIG, plainBytes } from "./openpgp-config.ts";
import { isStructural } from "./protected-headers.ts";
import { sevenBit } from "./seven-bit.ts";

export interface EncryptLetterOptions {
  /** Not protected by a passphrase; the letter is signed by it and can be read with it, too. */
  readonly own: PrivateKey;
  /** Of all who get this copy of the letter. */
  readonly recipients: readonly PublicKey[];
  /** Nobody is to see from the letter which keys it is for: somebody gets it who is named in no field. */
  readonly anonymous?: boolean;
  /** Autocrypt-Gossip fields, with their line ends. */
  readonly gossip?: readonly string[];
  /** Further fields that stand inside alone, with their line ends. */
  readonly inside?: readonly string[];
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What stands outside instead of the subject (hcp_baseline, RFC 9788 section 3.2.1). */
const HIDDEN_SUBJECT = "[...]";

/**
 * The letter as PGP/MIME, signed and encrypted in one (RFC 3156 section 6.2), with its header fields inside: the
 * subject is hidden, Comments and Keywords are left out of the outer header (RFC 9788, hcp_baseline). Bcc and what is
 * meant for the bridge alone must be gone from the letter already.
 */
export async function encryptLetter(letter: Buffer, options: EncryptLetterOptions): Promise<Buffer> {
  const { own, recipients, anonymous = false, gossip = [], inside = [], now } = options;
  const entity = parseEntity(letter);
  const fields = [...headerFields(headerOf(entity, entity.root))];
  const outer = fields.filter(({ key }) => !isStructural(key)).flatMap(hide);
  const inner = [
    ...fields.filter(({ key }) => !isStructural(key) && !key.startsWith("autocrypt") && key !== "bcc").map(keepField),
    ...gossip,
    ...inside,
    ...outer.filter(({ key }) => !key.startsWith("autocrypt")).map(({ text }) => `HP-Outer: ${text}`),
  ];
  const payload = Buffer.concat([
    Buffer.from(inner.join("") + contentFields(fields, 'hp="cipher"; protected-headers="v1"') + "\r\n", "latin1"),
    bodyOf(entity, entity.root),
  ]);
  const armored = await encrypt({
    message: await createMessage({ binary: plainBytes(payload), format: "binary", filename: "" }),
    encryptionKeys: [...recipients, own.toPublic()],
    signingKeys: own,
    wildcard: anonymous,
    date: new Date(now),
    config: OPENPGP_CONFIG,
  });
  const boundary = `postern-${randomBytes(18).toString("hex")}`;
  return Buffer.from(
    outer.map(({ text }) => text).join("") +
      "MIME-Version: 1.0\r\n" +
      `Content-Type: multipart/encrypted; protocol="application/pgp-encrypted";\r\n boundary="${boundary}"\r\n\r\n` +
      `--${boundary}\r\nContent-Type: application/pgp-encrypted\r\nContent-Description: PGP/MIME version identification\r\n\r\nVersion: 1\r\n\r\n` +
      `--${boundary}\r\nContent-Type: application/octet-stream; name="encrypted.asc"\r\n` +
      `Content-Description: OpenPGP encrypted message\r\nContent-Disposition: inline; filename="encrypted.asc"\r\n\r\n` +
      `${armored.replace(/\r?\n/g, "\r\n").trimEnd()}\r\n\r\n--${boundary}--\r\n`,
    "latin1",
  );
}

/**
 * The letter with a detached signature (RFC 3156 section 5), its header fields inside, too (RFC 9788, `clear`); encoded
 * so that no relay changes it. undefined where that cannot be, as with an attached message in eight bits.
 */
export async function signLetter(
  letter: Buffer,
  { own, now }: Pick<EncryptLetterOptions, "own" | "now">,
): Promise<Buffer | undefined> {
  const entity = await sevenBit(parseEntity(letter));
  if (entity === undefined) return undefined;
  const fields = [...headerFields(headerOf(entity, entity.root))];
  const outer = fields.filter(({ key }) => !isStructural(key));
  const inner = outer.filter(({ key }) => !key.startsWith("autocrypt") && key !== "bcc");
  const payload = Buffer.concat([
    Buffer.from(
      `${inner.map(keepField).join("")}${contentFields(fields, 'hp="clear"; protected-headers="v1"')}\r\n`,
      "latin1",
    ),
    bodyOf(entity, entity.root),
  ]);
  const signature = await sign({
    message: await createMessage({ binary: plainBytes(payload) }),
    signingKeys: own,
    detached: true,
    format: "object",
    date: new Date(now),
    config: OPENPGP_CONFIG,
  });
  const [packet] = signature.packets;
  const hash = packet instanceof SignaturePacket ? packet.hashAlgorithm : null;
  if (hash === null) throw new Error("a signature without a hash was made");
  const boundary = `postern-${randomBytes(18).toString("hex")}`;
  return Buffer.concat([
    Buffer.from(
      `${outer.map(keepField).join("")}MIME-Version: 1.0\r\n` +
        `Content-Type: multipart/signed; micalg=pgp-${enums.read(enums.hash, hash)}; protocol="application/pgp-signature";\r\n boundary="${boundary}"\r\n\r\n--${boundary}\r\n`,
      "latin1",
    ),
    payload,
    Buffer.from(
      `\r\n--${boundary}\r\nContent-Type: application/pgp-signature; name="signature.asc"\r\nContent-Description: OpenPGP signature\r\n\r\n` +
        `${signature.armor().replace(/\r?\n/g, "\r\n").trimEnd()}\r\n\r\n--${boundary}--\r\n`,
      "latin1",
    ),
  ]);
}

interface OuterField {
  readonly key: string;
  readonly text: string;
}

function hide(field: HeaderField): readonly OuterField[] {
  if (field.key === "comments" || field.key === "keywords" || field.key === "bcc") return [];
  if (field.key === "subject") return [{ key: field.key, text: foldedField("Subject", [HIDDEN_SUBJECT], "") }];
  return [{ key: field.key, text: keepField(field) }];
}

/** The fields of the structure, with further parameters on Content-Type. */
function contentFields(fields: readonly HeaderField[], parameters: string): string {
  const structural = fields.filter(({ key }) => key.startsWith("content-"));
  const type = structural.find(({ key }) => key === "content-type");
  const others = structural.filter((field) => field.key !== "content-type").map(keepField);
  const typeText = type === undefined ? "Content-Type: text/plain; charset=us-ascii\r\n" : keepField(type);
  return `${others.join("")}${typeText.replace(/[\s;]*\r\n$/, "")};\r\n ${parameters}\r\n`;
}

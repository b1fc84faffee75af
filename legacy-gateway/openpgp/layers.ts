import { decodedBodyOf, type Entity, parameter, parseEntity, wholeOf } from "./entity.ts";
import { checkCleartext, findArmor } from "./inline.ts";
import { MAX_LAYERS } from "./limits.ts";
import { checkDetached, openMessage, type ReadingKeys, type RefusedReason } from "./open-message.ts";
import { recognize } from "./recognize.ts";
import type { SignatureCheck } from "./signature-check.ts";

export type Encryption =
  | "none"
  | "opened"
  /** For none of the own keys. */
  | "no-key"
  /** S/MIME, a part among others, or something newer. */
  | "unknown"
  | RefusedReason;

/** A letter with its layers off. */
export interface OpenedLetter {
  readonly encryption: Encryption;
  /** Of the innermost layer that was signed; those outside of an encryption prove nothing about what is in it. */
  readonly signatures: readonly SignatureCheck[];
  /** Of what the signatures cover, or the encryption holds; the letter itself where there is no layer. */
  readonly payload: Entity;
  /** Text stands around what is signed, and is shown with it. */
  readonly partlySigned: boolean;
}

/** Takes the layers of OpenPGP off a letter (RFC 3156, and armored texts). Never throws on the letter. */
export async function openLayers(letter: Entity, keys: ReadingKeys, now: number): Promise<OpenedLetter> {
  let found: OpenedLetter = { encryption: "none", signatures: [], payload: letter, partlySigned: false };
  for (let layer = 0; ; layer++) {
    const entity = found.payload;
    const protection = recognize(entity);
    // What an opened letter holds is shown as it is, if it holds something that cannot be opened.
    const opened = found.encryption === "opened";
    if (protection.kind === "none") return found;
    if (protection.kind === "other") return opened ? found : { ...found, encryption: "unknown" };
    if (layer >= MAX_LAYERS) return opened ? found : { ...found, encryption: "beyond-limits" };
    if (protection.kind === "signed") {
      const signed = withCrlf(wholeOf(entity, protection.content));
      const signature = await decodedBodyOf(entity, protection.signature);
      const checks = await checkDetached(signed, signature, keys, now);
      const payload = parseEntity(signed);
      // A signature around an encryption was made by who may not know what is in it.
      const around = ["encrypted", "inline-encrypted"].includes(recognize(payload).kind);
      found = { ...found, payload, signatures: around ? [] : checks };
      if (!around) return found;
      continue;
    }
    if (protection.kind === "inline-signed") {
      const text = (await decodedBodyOf(entity, protection.text)).toString("latin1");
      const armor = findArmor(text, "SIGNED MESSAGE");
      if (armor === undefined || opened) return found;
      const checks = await checkCleartext(fromCharset(armor.armor, parameter(entity.root, "charset")), keys, now);
      return { ...found, signatures: checks, partlySigned: armor.surrounded };
    }
    const inline = protection.kind === "inline-encrypted";
    const part = protection.kind === "encrypted" ? protection.message : protection.text;
    const body = await decodedBodyOf(entity, part);
    const armor = inline ? findArmor(body.toString("latin1"), "MESSAGE") : undefined;
    if (inline && armor === undefined) return opened ? found : { ...found, encryption: "unknown" };
    const message = await openMessage(armor === undefined ? body : Buffer.from(armor.armor, "latin1"), keys, now);
    // Nothing of a letter is shown as opened if a layer inside did not open.
    if (message.kind !== "opened")
      return opened ? found : { ...found, encryption: message.kind === "no-key" ? "no-key" : message.reason };
    found = {
      encryption: "opened",
      signatures: message.signatures.length > 0 || !opened ? message.signatures : found.signatures,
      payload: inline ? textEntity(message.data) : parseEntity(message.data),
      // Of an inline letter, what stood around the block is not shown.
      partlySigned: false,
    };
    if (inline) return found;
  }
}

/** RFC 3156 section 5: what is signed has CRLF, however it came here. */
function withCrlf(octets: Buffer): Buffer {
  if (!/(?<!\r)\n/.test(octets.toString("latin1"))) return octets;
  return Buffer.from(octets.toString("latin1").replace(/\r?\n/g, "\r\n"), "latin1");
}

/** What is inside an armored text is UTF-8 unless it cannot be (RFC 9580 section 5.9). */
function textEntity(data: Buffer): Entity {
  const head = "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n";
  let text: Buffer = data;
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(data);
  } catch {
    text = Buffer.from(new TextDecoder("windows-1252").decode(data));
  }
  const lines = text.toString("base64").replace(/.{1,76}/g, "$&\r\n");
  return parseEntity(Buffer.from(head + lines, "latin1"));
}

function fromCharset(latin1: string, charset: string): string {
  const octets = Buffer.from(latin1, "latin1");
  try {
    return new TextDecoder(charset === "" ? "utf-8" : charset, { fatal: true }).decode(octets);
  } catch {
    return latin1;
  }
}

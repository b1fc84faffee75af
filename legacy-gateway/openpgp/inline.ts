import { type CleartextMessage, readCleartextMessage, verify } from "openpgp";
import { MAX_SIGNATURES } from "./limits.ts";
import type { ReadingKeys } from "./open-message.ts";
import { OPENPGP_CONFIG } from "./openpgp-config.ts";
import { judgeSignature, type SignatureCheck } from "./signature-check.ts";

export interface ArmorInText {
  readonly armor: string;
  /** Text stands before or behind it, which nothing protects. */
  readonly surrounded: boolean;
}

/** The one armored block of a text; undefined where there is none, or more than one. */
export function findArmor(text: string, kind: "MESSAGE" | "SIGNED MESSAGE"): ArmorInText | undefined {
  const begin = `-----BEGIN PGP ${kind}-----`;
  const end = kind === "MESSAGE" ? "-----END PGP MESSAGE-----" : "-----END PGP SIGNATURE-----";
  const from = text.startsWith(begin) ? 0 : text.indexOf(`\n${begin}`) + 1;
  if (!text.startsWith(begin, from)) return undefined;
  const at = text.indexOf(`\n${end}`, from);
  if (at < 0) return undefined;
  const to = at + 1 + end.length;
  if (text.indexOf("-----BEGIN PGP ", to) >= 0 || (text.lastIndexOf("-----BEGIN PGP ", from - 1) >= 0 && from > 0))
    return undefined;
  return { armor: text.slice(from, to), surrounded: (text.slice(0, from) + text.slice(to)).trim() !== "" };
}

/** Checks a cleartext signature (RFC 9580 section 7). Never throws on the text. */
export async function checkCleartext(
  armor: string,
  keys: ReadingKeys,
  now: number,
): Promise<readonly SignatureCheck[]> {
  try {
    const message: CleartextMessage = await readCleartextMessage({ cleartextMessage: armor, config: OPENPGP_CONFIG });
    const ids = message.getSigningKeyIDs().map((id) => id.toHex());
    if (ids.length === 0 || ids.length > MAX_SIGNATURES) return [{ result: "bad" }];
    const verificationKeys = [...(await keys.withKeyId(ids))];
    const { signatures } = await verify({ message, verificationKeys, date: new Date(now), config: OPENPGP_CONFIG });
    return await Promise.all(signatures.map((one) => judgeSignature(one, verificationKeys)));
  } catch {
    return [{ result: "bad" }];
  }
}

import { OVERLAY_DOMAIN } from "../../foundation/address.ts";
import type { Encryption } from "./layers.ts";
import { type SignatureCheck, strongest, type WorthlessReason } from "./signature-check.ts";

/** What is to be said of a letter that came by the old road. */
export interface Verdict {
  readonly encryption: Encryption;
  readonly signature: SignatureVerdict;
  /** Of the one mailbox in From; undefined where there is none. */
  readonly from: string | undefined;
}

export type SignatureVerdict =
  | { readonly result: "none" }
  /** Good, and the key is one that belongs to the address in From. */
  | { readonly result: "good"; readonly fingerprint: string }
  /** Good, but it covers a part of the text that is shown. */
  | { readonly result: "partial"; readonly fingerprint: string }
  /** Good, by somebody else. */
  | { readonly result: "other-sender"; readonly fingerprint: string }
  | Exclude<SignatureCheck, { readonly result: "good" }>;

/** Whether a key is known to belong to an address, in lower case. */
export type BelongsTo = (fingerprint: string, address: string) => boolean | Promise<boolean>;

export async function judgeLetter(
  letter: {
    readonly encryption: Encryption;
    readonly signatures: readonly SignatureCheck[];
    /** More is shown than what is signed. */
    readonly partlySigned: boolean;
  },
  from: string | undefined,
  belongsTo: BelongsTo,
): Promise<Verdict> {
  const { encryption, signatures, partlySigned } = letter;
  for (const check of signatures) {
    if (check.result !== "good" || from === undefined) continue;
    const fingerprint = check.key.getFingerprint();
    if (!(await belongsTo(fingerprint, from))) continue;
    return { encryption, from, signature: { result: partlySigned ? "partial" : "good", fingerprint } };
  }
  const best = strongest(signatures);
  if (best === undefined) return { encryption, from, signature: { result: "none" } };
  if (best.result !== "good") return { encryption, from, signature: best };
  return { encryption, from, signature: { result: "other-sender", fingerprint: best.key.getFingerprint() } };
}

/** For the mail program's list; nobody outside can set them. */
export function verdictKeywords({ encryption, signature }: Verdict): readonly string[] {
  const keywords = ["$Legacy"];
  if (encryption === "opened") keywords.push("$Encrypted");
  if (encryption === "none") keywords.push("$Plaintext");
  if (signature.result === "good") keywords.push("$Signed");
  return keywords;
}

/** Results of RFC 8601 section 2.7, for a method of our own. */
function resultOf(signature: SignatureVerdict): readonly [result: string, comment: string] {
  switch (signature.result) {
    case "good":
      return ["pass", "signed by the sender's key"];
    case "partial":
      return ["policy", "a part is signed by the sender's key, and text stands around it that is not"];
    case "other-sender":
      return ["policy", "signed, but not by a key of this sender"];
    case "bad":
      return ["fail", "the signature does not fit: the letter was changed"];
    case "unknown-key":
      return ["neutral", "signed by a key that is not known here"];
    case "worthless":
      return ["policy", WORTHLESS[signature.reason]];
    case "none":
      return ["none", "not signed"];
  }
}

const WORTHLESS: Readonly<Record<WorthlessReason, string>> = {
  weak: "signed with a weak algorithm or key",
  expired: "the signature or its key has expired",
  revoked: "the signing key is revoked",
  future: "signed at a time that is yet to come",
  "unfit-key": "the signing key is not fit to sign letters",
};

/** The Authentication-Results field (RFC 8601) with its line end. Holds nothing that the letter could choose but its sender's address. */
export function formatVerdict({ encryption, signature, from }: Verdict): string {
  const [result, comment] = resultOf(signature);
  const properties = [`policy.encryption=${encryption}`];
  if ("fingerprint" in signature) properties.push(`policy.key=${signature.fingerprint}`);
  if (signature.result === "unknown-key") properties.push(`policy.key-id=${signature.keyId}`);
  if (from !== undefined && /^[a-z0-9._+-]+@[a-z0-9.-]+$/.test(from)) properties.unshift(`header.from=${from}`);
  return `Authentication-Results: ${OVERLAY_DOMAIN}; x-openpgp=${result} (${comment})\r\n ${properties.join("\r\n ")}\r\n`;
}

/** Whether a field claims to be ours: nobody but this bridge may say what it found (RFC 8601 section 5). */
export function claimsOurResults(key: string, value: string): boolean {
  if (key !== "authentication-results") return false;
  const id =
    value
      .replace(/\((?:[^()\\]|\\.)*\)/g, " ")
      .trim()
      .split(/[\s;]/, 1)[0] ?? "";
  const plain = id.replace(/"/g, "").toLowerCase();
  return plain === OVERLAY_DOMAIN || plain.endsWith(`.${OVERLAY_DOMAIN}`);
}

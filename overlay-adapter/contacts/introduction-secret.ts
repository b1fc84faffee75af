import { createHash } from "node:crypto";
import { x25519 } from "@noble/curves/ed25519.js";
import { type AddressLabel, addressLabel } from "../../foundation/address.ts";
import { deriveKey } from "../../foundation/seal.ts";
import { verifyAccountState } from "../../keyring/account-state.ts";
import { verifySignature } from "../../keyring/ed25519.ts";
import type { OverlayIdentity } from "../ports.ts";
import { type IntroductionAnswer, labelBytes } from "./contact-letters.ts";

const SIGNED = "postern introduction 1";

/** The own answer to an offer; the key's secret half is to be kept until the two have met. */
export function signIntroduction(
  identity: OverlayIdentity,
  id: Buffer,
  other: AddressLabel,
  random: (length: number) => Buffer,
): { readonly answer: IntroductionAnswer; readonly secretKey: Buffer } {
  const secretKey = random(32);
  const ephemeral = Buffer.from(x25519.getPublicKey(secretKey));
  const accountState = identity.accountState().bytes;
  const signature = identity.signWithAdmin(SIGNED, signedPart({ id, ephemeral, accountState }, identity.label, other));
  return { answer: { kind: "introduction-answer", id, ephemeral, signature, accountState }, secretKey };
}

/**
 * The secret that the two share and the introducer does not, if the introducer told the truth about who they are: both
 * keys are signed, each for the other's identity. undefined where the answer is not that identity's, or not to us.
 */
export function introductionSecret(
  own: { readonly label: AddressLabel; readonly secretKey: Buffer; readonly answer: IntroductionAnswer },
  other: AddressLabel,
  theirs: IntroductionAnswer,
  now: number,
): Buffer | undefined {
  const verified = verifyAccountState(theirs.accountState, now);
  if (verified.kind === "invalid") return undefined;
  const { masterPublicKey, certificate } = verified.signed.state;
  if (addressLabel(masterPublicKey) !== other) return undefined;
  if (!verifySignature(certificate.adminPublicKey, SIGNED, signedPart(theirs, other, own.label), theirs.signature))
    return undefined;
  let shared: Uint8Array;
  try {
    shared = x25519.getSharedSecret(own.secretKey, theirs.ephemeral);
  } catch {
    return undefined;
  }
  const mine = signedPart(own.answer, own.label, other);
  const their = signedPart(theirs, other, own.label);
  const parts = own.label < other ? [mine, their] : [their, mine];
  const salt = createHash("sha256").update(Buffer.concat(parts)).digest();
  return deriveKey(shared, "postern introduction 1 secret", 32, salt);
}

function signedPart(
  { id, ephemeral, accountState }: Pick<IntroductionAnswer, "id" | "ephemeral" | "accountState">,
  by: AddressLabel,
  to: AddressLabel,
): Buffer {
  const hash = createHash("sha256").update(accountState).digest();
  return Buffer.concat([id, labelBytes(by), labelBytes(to), ephemeral, hash]);
}

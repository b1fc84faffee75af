/** How letters may go to an old address, the strictest first. */
export const POLICIES = ["overlay-only", "encrypt-or-refuse", "encrypt-if-possible", "plain-allowed"] as const;
export type Policy = (typeof POLICIES)[number];

/** What is known of a recipient at the moment of sending. */
export interface RecipientFacts {
  readonly address: string;
  /** The user's word for this address alone. */
  readonly own?: Policy;
  /** A key that can be encrypted to now. */
  readonly hasKey: boolean;
  /** Why there is none, for a person. */
  readonly keyProblem?: string;
  /** They have sent something encrypted before. */
  readonly sentEncrypted: boolean;
  /** The user has said that plain letters may go there. */
  readonly plainConfirmed: boolean;
  /** Both sides prefer encryption (Autocrypt level 1, "mutual"), or Autocrypt recommends it otherwise. */
  readonly recommended: boolean;
  /**
   * Their key is known by Autocrypt alone, which does not recommend it: their program did not ask for encryption, has
   * not been seen for long, or somebody else passed the key on.
   */
  readonly reluctant?: boolean;
}

export interface DecisionRequest {
  /** What holds where the user has said nothing for the address. */
  readonly general: Policy;
  readonly recipients: readonly RecipientFacts[];
  /** The address that the letter is from has a key of its own. */
  readonly hasOwnKey: boolean;
  /** It answers a letter that came encrypted, and may quote it. */
  readonly answersEncrypted: boolean;
}

export type Decision =
  | { readonly kind: "encrypt" }
  | { readonly kind: "plain" }
  /** Nothing goes; who stands in the way, each with a reason for a person. */
  | { readonly kind: "refuse"; readonly because: readonly Objection[] };

export interface Objection {
  readonly address: string;
  readonly reason:
    | "overlay-only"
    /** It must be encrypted, and there is no key. */
    | "no-key"
    /** It must be encrypted, and the sender has no key. */
    | "no-own-key"
    /** The first plain letter to an address needs the user's word. */
    | "unconfirmed";
  readonly detail?: string;
}

/** The policy that holds for a recipient: an address's own one over the general one. */
export function policyFor(
  general: Policy,
  { own, sentEncrypted }: Pick<RecipientFacts, "own" | "sentEncrypted">,
): Policy {
  if (own !== undefined) return own;
  // Who has sent encrypted is never written to in the clear unless the user says so for that very address.
  const loose = general === "encrypt-if-possible" || general === "plain-allowed";
  return sentEncrypted && loose ? "encrypt-or-refuse" : general;
}

/**
 * How a letter goes: encrypted to all of its recipients, or in the clear to all of them, or not at all. Never both: what
 * one gets sealed, another one's provider must not read. Pure.
 */
export function decide({ general, recipients, hasOwnKey, answersEncrypted }: DecisionRequest): Decision {
  const policies = recipients.map((one) => ({ one, policy: policyFor(general, one) }));
  const closed = policies.filter(({ policy }) => policy === "overlay-only");
  if (closed.length > 0)
    return { kind: "refuse", because: closed.map(({ one }) => ({ address: one.address, reason: "overlay-only" })) };
  const must = policies.some(({ policy }) => policy === "encrypt-or-refuse") || answersEncrypted;
  const missing = recipients.filter(({ hasKey }) => !hasKey);
  const possible = hasOwnKey && missing.length === 0 && recipients.length > 0;
  if (must) {
    if (possible) return { kind: "encrypt" };
    if (missing.length > 0) return { kind: "refuse", because: missing.map(noKey) };
    return { kind: "refuse", because: recipients.map(({ address }) => ({ address, reason: "no-own-key" })) };
  }
  // Where plain letters are allowed to somebody, and nothing is said of encryption, theirs is the word on it.
  const asTheyLike = ({ own, plainConfirmed, reluctant = false }: RecipientFacts) =>
    own === undefined && plainConfirmed && reluctant;
  const wanted =
    policies.some(({ one, policy }) => policy === "encrypt-if-possible" && !asTheyLike(one)) ||
    recipients.every(({ recommended }) => recommended);
  if (possible && wanted) return { kind: "encrypt" };
  const unconfirmed = policies.filter(
    ({ one, policy }) => !one.plainConfirmed && !(one.own === policy && policy === "plain-allowed"),
  );
  if (unconfirmed.length > 0)
    return { kind: "refuse", because: unconfirmed.map(({ one }) => ({ address: one.address, reason: "unconfirmed" })) };
  return { kind: "plain" };
}

/** Of an address that may not be written to by e-mail at all, why: that is known before the letter is. ASCII. */
export function overlayOnly({
  address,
  policy,
}: {
  readonly address: string;
  readonly policy?: Policy;
}): string | undefined {
  return policy === "overlay-only" ? objection({ address, reason: "overlay-only" }) : undefined;
}

function noKey({ address, keyProblem }: RecipientFacts): Objection {
  return { address, reason: "no-key", ...(keyProblem !== undefined && { detail: keyProblem }) };
}

/** One line for the mail program: what stands in the way, and what to do. ASCII. */
export function formatObjections(because: readonly Objection[]): string {
  const [first, ...more] = because;
  if (first === undefined) return "This letter may not be sent";
  const others = more.length === 0 ? "" : ` (and ${more.length} more)`;
  return `${objection(first)}${others}`;
}

function objection({ address, reason, detail }: Objection): string {
  const who = address.replace(/[^!-~]/g, "?");
  switch (reason) {
    case "overlay-only":
      return `${who} may not be written to by e-mail: postern gateway policy ${who} says what may`;
    case "no-key":
      return `This letter must be encrypted, and there is no OpenPGP key for ${who}${detail === undefined ? "" : ` (${detail})`}: import one with postern gateway key import, or allow plain letters with postern gateway policy ${who} plain-allowed`;
    case "no-own-key":
      return "This letter must be encrypted, and you have no OpenPGP key: postern gateway key make YOUR-ADDRESS";
    case "unconfirmed":
      return `This would be the first plain letter to ${who}, which their provider and yours can read. If you want that: postern gateway policy ${who} --allow-plain, then send it again`;
  }
}

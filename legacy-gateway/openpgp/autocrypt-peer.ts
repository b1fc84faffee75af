import type { PreferEncrypt } from "./autocrypt-header.ts";

/** What is known of somebody who writes (Autocrypt level 1, "Peer State Management"). Times are milliseconds since 1970. */
export interface PeerState {
  readonly lastSeen?: number;
  readonly autocryptTimestamp?: number;
  /** Fingerprints. */
  readonly publicKey?: string;
  readonly preferEncrypt?: PreferEncrypt;
  readonly gossipTimestamp?: number;
  readonly gossipKey?: string;
  /** When the last letter came that was encrypted: after that nothing goes to them in the clear unless the user says so. */
  readonly sentEncrypted?: number;
}

export interface SeenLetter {
  /** The letter's date, or when it came if that is in the future or missing. */
  readonly effectiveDate: number;
  /** Of the one valid field. */
  readonly autocrypt?: { readonly fingerprint: string; readonly preferEncrypt: PreferEncrypt };
}

/** "Updating Autocrypt Peer State". */
export function seeLetter(state: PeerState, { effectiveDate, autocrypt }: SeenLetter): PeerState {
  if (effectiveDate < (state.autocryptTimestamp ?? 0)) return state;
  const seen = { ...state, lastSeen: Math.max(effectiveDate, state.lastSeen ?? 0) };
  if (autocrypt === undefined) return seen;
  return {
    ...seen,
    autocryptTimestamp: effectiveDate,
    publicKey: autocrypt.fingerprint,
    preferEncrypt: autocrypt.preferEncrypt,
  };
}

/** "Updating Autocrypt Peer State from Key Gossip". */
export function seeGossip(state: PeerState, fingerprint: string, effectiveDate: number): PeerState {
  if ((state.gossipTimestamp ?? 0) > effectiveDate) return state;
  return { ...state, gossipTimestamp: effectiveDate, gossipKey: fingerprint };
}

export type Recommendation = "disable" | "discourage" | "available" | "encrypt";

const STALE = 35 * 24 * 3_600_000;

export interface RecommendationRequest {
  readonly peer: PeerState | undefined;
  /** Whether a key can be encrypted to now. */
  readonly isUsable: (fingerprint: string) => boolean;
  readonly ownPreference: PreferEncrypt;
  readonly replyToEncrypted: boolean;
}

/** "Recommendations for single-recipient messages", with the key to use. */
export function recommend({ peer, isUsable, ownPreference, replyToEncrypted }: RecommendationRequest): {
  readonly recommendation: Recommendation;
  readonly key?: string;
} {
  const usable = (key: string | undefined) => (key !== undefined && isUsable(key) ? key : undefined);
  const direct = usable(peer?.publicKey);
  const key = direct ?? usable(peer?.gossipKey);
  if (peer === undefined || key === undefined) return { recommendation: "disable" };
  const stale = (peer.lastSeen ?? 0) - (peer.autocryptTimestamp ?? 0) > STALE;
  const preliminary = direct === undefined || stale ? "discourage" : "available";
  const mutual = peer.preferEncrypt === "mutual" && ownPreference === "mutual";
  if (replyToEncrypted || (preliminary === "available" && mutual)) return { recommendation: "encrypt", key };
  return { recommendation: preliminary, key };
}

/** "Recommendations for messages to multiple addresses". */
export function recommendForAll(each: readonly Recommendation[]): Recommendation {
  if (each.length === 0 || each.includes("disable")) return "disable";
  if (each.every((one) => one === "encrypt")) return "encrypt";
  return each.includes("discourage") ? "discourage" : "available";
}

/** undefined for what is damaged. */
export function decodePeerState(text: string | undefined): PeerState {
  return text === undefined ? {} : (JSON.parse(text) as PeerState);
}

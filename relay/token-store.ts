/** SHA-256 of a token: 32 bytes. The token itself is in no store, so that a copy of the store lets nobody create a queue. */
export type TokenHash = Buffer;

/** What the holder of a token may do at most; undefined leaves it to the limits of the relay. */
export interface TokenLimits {
  /** Queues and slots at a time. */
  readonly queues: number | undefined;
  /** Octets of unread cells in them all. */
  readonly octets: number | undefined;
  /** Queues and slots made in an hour. */
  readonly creationsPerHour: number | undefined;
}

export interface TokenRecord extends TokenLimits {
  /** How the operator calls it; no client sees it. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly madeAt: number;
  readonly revokedAt: number | undefined;
}

/** With what its holders have at the relay just now. */
export interface TokenUse extends TokenRecord {
  readonly usedQueues: number;
  readonly usedOctets: number;
}

/** Who may create queues and slots; part of the port in store.ts. */
export interface TokenStore {
  /** The token if it is valid now. */
  find(token: TokenHash): Promise<TokenRecord | undefined>;
  /** False if the name is taken, be it by a revoked one. */
  add(token: TokenHash, record: Omit<TokenRecord, "revokedAt">): Promise<boolean>;
  /** Nobody creates anything with it any more. What was made stays, or is deleted with the next sweep. False if there is none of that name that is valid. */
  revoke(name: string, now: number, what: "stays" | "goes"): Promise<boolean>;
  /** In the order in which they were made. */
  list(): Promise<readonly TokenUse[]>;
}

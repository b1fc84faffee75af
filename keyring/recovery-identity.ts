/** An age X25519 identity (c2sp.org/age). */
export interface RecoveryIdentity {
  /** `AGE-SECRET-KEY-1...`; a secret. */
  readonly identity: string;
  /** `age1...` */
  readonly recipient: string;
}

/** The age identity that every message file is also sealed to, derived from the paper master seed. */
export function recoveryIdentity(_masterSeed: Uint8Array): RecoveryIdentity {
  throw new Error("not written");
}

import { ARGON2_BOUNDS, SCRAM_ITERATIONS_BOUNDS, SLOT_NAME_MAX, SLOTS_MAX } from "./limits.ts";
import { isRecoveryRecipient } from "./recovery-identity.ts";
import type { KeySlot, VaultFile } from "./vault-file.ts";

/** Bytes of a wrapped vault key: the key and the AEAD's tag. */
const WRAPPED_LENGTH = 48;

/** The parsed JSON of a vault file as its type; undefined where a member is missing, of another type or out of bounds. */
export function decodeVaultContent(json: unknown): VaultFile | undefined {
  try {
    const file = members(json);
    const scram = members(file.scram);
    const slots = check(file.slots, Array.isArray).map(decodeSlot);
    if (slots.length < 1 || slots.length > SLOTS_MAX) return undefined;
    if (new Set(slots.map((slot) => slot.name)).size !== slots.length) return undefined;
    return {
      version: check(file.version, (value) => value === 1),
      id: text(file.id, /^[0-9a-f]{32}$/),
      recoveryRecipient: check(
        file.recoveryRecipient,
        (value) => typeof value === "string" && isRecoveryRecipient(value),
      ),
      scram: { salt: bytes(scram.salt, 16), iterations: integer(scram.iterations, SCRAM_ITERATIONS_BOUNDS) },
      slots,
      mac: bytes(file.mac, 32),
    };
  } catch (error) {
    if (error instanceof Misfit) return undefined;
    throw error;
  }
}

class Misfit extends Error {}

function decodeSlot(json: unknown): KeySlot {
  const slot = members(json);
  const base = {
    name: text(slot.name, new RegExp(`^\\P{Cc}{1,${SLOT_NAME_MAX}}$`, "u")),
    createdAt: integer(slot.createdAt, [0, Number.MAX_SAFE_INTEGER]),
    salt: bytes(slot.salt, 32),
    wrapped: bytes(slot.wrapped, WRAPPED_LENGTH),
  };
  switch (slot.kind) {
    case "key-file":
    case "paper":
      return { kind: slot.kind, ...base };
    case "app-password":
      return { kind: slot.kind, ...base, storedKey: bytes(slot.storedKey, 32), serverKey: bytes(slot.serverKey, 32) };
    case "passphrase": {
      const cost = members(slot.argon2);
      const argon2 = {
        memory: integer(cost.memory, ARGON2_BOUNDS.memory),
        passes: integer(cost.passes, ARGON2_BOUNDS.passes),
        lanes: integer(cost.lanes, ARGON2_BOUNDS.lanes),
      };
      return { kind: slot.kind, ...base, argon2 };
    }
    default:
      throw new Misfit();
  }
}

function members(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw new Misfit();
  return value as Record<string, unknown>;
}

function check<T>(value: unknown, fits: ((value: unknown) => value is T) | ((value: unknown) => boolean)): T {
  if (!fits(value)) throw new Misfit();
  return value as T;
}

function text(value: unknown, pattern: RegExp): string {
  return check(value, (value) => typeof value === "string" && pattern.test(value));
}

function integer(value: unknown, [least, most]: readonly [number, number]): number {
  return check(
    value,
    (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  );
}

function bytes(value: unknown, length: number): Buffer {
  const base64 = check<string>(value, (value) => typeof value === "string");
  const decoded = Buffer.from(base64, "base64");
  if (decoded.length !== length || decoded.toString("base64") !== base64) throw new Misfit();
  return decoded;
}

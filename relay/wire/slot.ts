import { CELL_SIZE } from "./cell.ts";
import { type Codec, writeFixed } from "./codec.ts";
import { ID_SIZE, KEY_SIZE, SIGNATURE_SIZE } from "./size.ts";

/** Lays one cell down for whoever knows the slot's id; OK, IN_USE, FORBIDDEN, FULL or INVALID (the time). May be sent again as it is. */
export interface SlotPut {
  readonly kind: "slot-put";
  readonly token: Buffer;
  readonly slotId: Buffer;
  /** Ed25519 public key that asks for the slot's status and deletes it. */
  readonly ownerKey: Buffer;
  /** Milliseconds since 1970. */
  readonly expires: number;
  readonly cell: Buffer;
}

/** Fetches it; SLOT_CELL, or NO_SLOT, BURNED, EXPIRED. The first claim locks the slot to its key, a second key burns it for all. */
export interface SlotClaim {
  readonly kind: "slot-claim";
  readonly slotId: Buffer;
  /** Ed25519 public key that the client made for this claim. */
  readonly claimKey: Buffer;
  readonly signature: Buffer;
}

/** The owner asks what became of it; SLOT_STATE or NO_SLOT. */
export interface SlotStatus {
  readonly kind: "slot-status";
  readonly slotId: Buffer;
  readonly signature: Buffer;
}

/** The owner removes it; OK or NO_SLOT. */
export interface SlotDelete {
  readonly kind: "slot-delete";
  readonly slotId: Buffer;
  readonly signature: Buffer;
}

/** `slot-put = token slotId ownerKey expires cell ; 32, 24, 32 bytes, u64, 16256 bytes` */
export const slotPut: Codec<SlotPut> = {
  kind: "slot-put",
  type: 0x08,
  write(message, to) {
    writeFixed(to, message.token, KEY_SIZE);
    writeFixed(to, message.slotId, ID_SIZE);
    writeFixed(to, message.ownerKey, KEY_SIZE);
    to.u64(message.expires);
    writeFixed(to, message.cell, CELL_SIZE);
  },
  read: (from) => ({
    kind: "slot-put",
    token: from.raw(KEY_SIZE),
    slotId: from.raw(ID_SIZE),
    ownerKey: from.raw(KEY_SIZE),
    expires: from.u64(),
    cell: from.raw(CELL_SIZE),
  }),
};

/** `slot-claim = slotId claimKey signature ; 24, 32, 64 bytes` */
export const slotClaim: Codec<SlotClaim> = {
  kind: "slot-claim",
  type: 0x09,
  write(message, to) {
    writeFixed(to, message.slotId, ID_SIZE);
    writeFixed(to, message.claimKey, KEY_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({
    kind: "slot-claim",
    slotId: from.raw(ID_SIZE),
    claimKey: from.raw(KEY_SIZE),
    signature: from.raw(SIGNATURE_SIZE),
  }),
};

/** `slot-status = slotId signature ; 24, 64 bytes` */
export const slotStatus: Codec<SlotStatus> = {
  kind: "slot-status",
  type: 0x0a,
  write(message, to) {
    writeFixed(to, message.slotId, ID_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({ kind: "slot-status", slotId: from.raw(ID_SIZE), signature: from.raw(SIGNATURE_SIZE) }),
};

/** `slot-delete = slotId signature ; 24, 64 bytes` */
export const slotDelete: Codec<SlotDelete> = {
  kind: "slot-delete",
  type: 0x0b,
  write(message, to) {
    writeFixed(to, message.slotId, ID_SIZE);
    writeFixed(to, message.signature, SIGNATURE_SIZE);
  },
  read: (from) => ({ kind: "slot-delete", slotId: from.raw(ID_SIZE), signature: from.raw(SIGNATURE_SIZE) }),
};

import { type SignedCommand, verifyCommand } from "../wire/proof.ts";
import type { SlotClaim, SlotDelete, SlotPut, SlotStatus } from "../wire/slot.ts";
import { type CommandContext, OK, type Outcome, refuse } from "./context.ts";
import { admitCreation } from "./token.ts";

export async function handleSlotPut(command: SlotPut, context: CommandContext): Promise<Outcome> {
  const { store, clock, time, limits } = context;
  const token = await admitCreation(command.token, context);
  if (!Buffer.isBuffer(token)) return token;
  const lifetime = command.expires - clock.now();
  if (lifetime > limits.slotLifetime) return refuse("invalid");
  const result = await store.slots.put(command, token, time.now() + Math.max(lifetime, 0));
  return result === "stored" ? OK : refuse(result);
}

export async function handleSlotClaim(command: SlotClaim, context: CommandContext): Promise<Outcome> {
  const { slotId, claimKey, signature } = command;
  // Without the proof, whoever overheard a claim key could fetch the cell as its owner.
  const fields = Buffer.concat([slotId, claimKey]);
  if (!verifyCommand(claimKey, "SLOT_CLAIM", context.exporter, fields, signature)) return refuse("no-slot");
  const result = await context.store.slots.claim(slotId, claimKey, context.clock.now());
  return result.kind === "cell" ? { answer: { kind: "slot-cell", cell: result.cell } } : refuse(result.kind);
}

export async function handleSlotStatus(command: SlotStatus, context: CommandContext): Promise<Outcome> {
  if (!(await isOwner("SLOT_STATUS", command, context))) return refuse("no-slot");
  const state = await context.store.slots.state(command.slotId, context.clock.now());
  return state === undefined ? refuse("no-slot") : { answer: { kind: "slot-state", state } };
}

export async function handleSlotDelete(command: SlotDelete, context: CommandContext): Promise<Outcome> {
  if (!(await isOwner("SLOT_DELETE", command, context))) return refuse("no-slot");
  return (await context.store.slots.remove(command.slotId)) ? OK : refuse("no-slot");
}

async function isOwner(
  name: SignedCommand,
  { slotId, signature }: SlotStatus | SlotDelete,
  { store, exporter }: CommandContext,
): Promise<boolean> {
  const key = await store.slots.ownerKey(slotId);
  return key !== undefined && verifyCommand(key, name, exporter, slotId, signature);
}

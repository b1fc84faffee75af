import { Failure } from "../../foundation/failure.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { RefusalReason } from "../../relay/wire/answer.ts";
import type { Answer } from "../../relay/wire/frame.ts";
import { macOfSend, publicKeyOf, signCommand, signingKey } from "../../relay/wire/proof.ts";
import type {
  QueueReader,
  QueueSecrets,
  QueueSender,
  SendOutcome,
  SlotClaim,
  SlotOwner,
  SlotStatus,
} from "./relay-client.ts";
import type { RelayLink } from "./relay-link.ts";

/** The requests of RelayClient, each with what its possible answers mean. */
export async function createQueue(link: RelayLink, relay: RelayAddress, queue: QueueSecrets): Promise<void> {
  const token = tokenOf(relay);
  const { recipientId, senderId, senderKey } = buffers(queue);
  const recipientKey = publicKeyOf(signingKey(queue.recipientSeed));
  expectOk(await link.request(() => ({ kind: "create", token, recipientId, senderId, recipientKey, senderKey })));
}

export async function send(link: RelayLink, queue: QueueSender, cell: Uint8Array): Promise<SendOutcome> {
  const senderId = Buffer.from(queue.senderId);
  const answer = await link.request((exporter) => ({
    kind: "send",
    senderId,
    mac: macOfSend(queue.senderKey, exporter, senderId, cell),
    cell: Buffer.from(cell.buffer, cell.byteOffset, cell.length),
  }));
  if (answer.kind === "ok") return "accepted";
  const reason = refusal(answer);
  if (reason === "full") return "full";
  if (reason === "no-queue") return "gone";
  throw failureOf(reason);
}

export async function deleteQueue(link: RelayLink, queue: QueueReader): Promise<void> {
  const key = signingKey(queue.recipientSeed);
  const recipientId = Buffer.from(queue.recipientId);
  const answer = await link.request((exporter) => ({
    kind: "delete",
    recipientId,
    signature: signCommand(key, "DELETE", exporter, recipientId),
  }));
  expectOk(answer, "no-queue");
}

export async function putSlot(
  link: RelayLink,
  relay: RelayAddress,
  slot: SlotOwner,
  expiresAt: number,
  cell: Uint8Array,
): Promise<void> {
  const token = tokenOf(relay);
  const answer = await link.request(() => ({
    kind: "slot-put",
    token,
    slotId: Buffer.from(slot.slotId),
    ownerKey: publicKeyOf(signingKey(slot.ownerSeed)),
    expires: expiresAt,
    cell: Buffer.from(cell),
  }));
  expectOk(answer);
}

export async function claimSlot(link: RelayLink, id: Uint8Array, claimSeed: Uint8Array): Promise<SlotClaim> {
  const key = signingKey(claimSeed);
  const slotId = Buffer.from(id);
  const claimKey = publicKeyOf(key);
  const answer = await link.request((exporter) => ({
    kind: "slot-claim",
    slotId,
    claimKey,
    signature: signCommand(key, "SLOT_CLAIM", exporter, Buffer.concat([slotId, claimKey])),
  }));
  if (answer.kind === "slot-cell") return { kind: "cell", cell: answer.cell };
  const reason = refusal(answer);
  if (reason === "burned" || reason === "expired") return { kind: reason };
  if (reason === "no-slot") return { kind: "gone" };
  throw failureOf(reason);
}

export async function slotStatus(link: RelayLink, slot: SlotOwner): Promise<SlotStatus> {
  const slotId = Buffer.from(slot.slotId);
  const key = signingKey(slot.ownerSeed);
  const answer = await link.request((exporter) => ({
    kind: "slot-status",
    slotId,
    signature: signCommand(key, "SLOT_STATUS", exporter, slotId),
  }));
  if (answer.kind === "slot-state") return answer.state;
  const reason = refusal(answer);
  if (reason === "no-slot") return "gone";
  throw failureOf(reason);
}

export async function deleteSlot(link: RelayLink, slot: SlotOwner): Promise<void> {
  const slotId = Buffer.from(slot.slotId);
  const key = signingKey(slot.ownerSeed);
  const answer = await link.request((exporter) => ({
    kind: "slot-delete",
    slotId,
    signature: signCommand(key, "SLOT_DELETE", exporter, slotId),
  }));
  expectOk(answer, "no-slot");
}

function buffers(queue: QueueSecrets): { recipientId: Buffer; senderId: Buffer; senderKey: Buffer } {
  return {
    recipientId: Buffer.from(queue.recipientId),
    senderId: Buffer.from(queue.senderId),
    senderKey: Buffer.from(queue.senderKey),
  };
}

/** @throws Failure("forbidden") */
export function tokenOf(relay: RelayAddress): Buffer {
  if (relay.token !== undefined) return relay.token;
  throw new Failure("forbidden", "this relay address has no token in it: ask the relay's operator for the full one");
}

/** Throws unless the answer is OK, or a refusal that says that it was done already. */
export function expectOk(answer: Answer, alreadyDone?: RefusalReason): void {
  if (answer.kind === "ok") return;
  const reason = refusal(answer);
  if (reason !== alreadyDone) throw failureOf(reason);
}

/** @throws Failure unavailable, for an answer that is no refusal */
export function refusal(answer: Answer): RefusalReason {
  if (answer.kind === "refused") return answer.reason;
  throw new Failure("unavailable", "the relay gave an answer that does not fit the question");
}

/** What a refusal means to whoever asked. */
export function failureOf(reason: RefusalReason): Failure {
  switch (reason) {
    case "forbidden":
      return new Failure("forbidden", "the relay does not know this token: ask its operator for its present address");
    case "in-use":
      return new Failure("already-exists", "the relay holds something else under this id: make a new one");
    case "full":
      return new Failure("full", "the relay takes no more queues, invites or blobs: ask its operator for room");
    case "invalid":
      return new Failure("invalid", "the relay does not keep anything for so long: choose an earlier expiry");
    case "no-blob":
      return new Failure("nonexistent", "the relay does not have this blob, or not any more");
    case "retry":
      return new Failure("unavailable", "the relay cannot store anything just now");
    default:
      return new Failure("unavailable", "the relay gave an answer that does not fit the question");
  }
}

import type { Command } from "../wire/frame.ts";
import { handleAcknowledge } from "./acknowledge.ts";
import {
  handleBlobCreate,
  handleBlobDelete,
  handleBlobDone,
  handleBlobGrant,
  handleBlobRead,
  handleBlobSync,
  handleBlobWrite,
} from "./blob.ts";
import { type CommandContext, OK, type Outcome } from "./context.ts";
import { handleCover, handlePace } from "./cover.ts";
import { handleCreate } from "./create.ts";
import { handleCredit } from "./credit.ts";
import { handleDelete } from "./delete.ts";
import { handleForward, handleTunnel } from "./forward.ts";
import { handleSend } from "./send.ts";
import { handleSlotClaim, handleSlotDelete, handleSlotPut, handleSlotStatus } from "./slot.ts";
import { handleSubscribe } from "./subscribe.ts";

/** Undefined where the command has no answer. */
type Handled = Promise<Outcome | undefined> | Outcome | undefined;

type Handlers = {
  readonly [Kind in Command["kind"]]: (command: Extract<Command, { kind: Kind }>, context: CommandContext) => Handled;
};

const HANDLERS: Handlers = {
  create: handleCreate,
  subscribe: handleSubscribe,
  credit: handleCredit,
  acknowledge: handleAcknowledge,
  send: handleSend,
  delete: handleDelete,
  "slot-put": handleSlotPut,
  "slot-claim": handleSlotClaim,
  "slot-status": handleSlotStatus,
  "slot-delete": handleSlotDelete,
  ping: () => OK,
  forward: handleForward,
  tunnel: (_command, context) => handleTunnel(context),
  pace: (_command, context) => handlePace(context),
  cover: handleCover,
  "blob-create": handleBlobCreate,
  "blob-grant": handleBlobGrant,
  "blob-write": handleBlobWrite,
  "blob-sync": handleBlobSync,
  "blob-read": handleBlobRead,
  "blob-done": handleBlobDone,
  "blob-delete": handleBlobDelete,
};

/** Carries a command out. */
export async function dispatch(command: Command, context: CommandContext): Promise<Outcome | undefined> {
  const handle = HANDLERS[command.kind] as (command: Command, context: CommandContext) => Handled;
  return handle(command, context);
}

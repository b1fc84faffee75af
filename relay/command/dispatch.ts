import type { Command } from "../wire/frame.ts";
import { handleAcknowledge } from "./acknowledge.ts";
import { type CommandContext, OK, type Outcome } from "./context.ts";
import { handleCreate } from "./create.ts";
import { handleCredit } from "./credit.ts";
import { handleDelete } from "./delete.ts";
import { handleSend } from "./send.ts";
import { handleSlotClaim, handleSlotDelete, handleSlotPut, handleSlotStatus } from "./slot.ts";
import { handleSubscribe } from "./subscribe.ts";

/** Carries a command out; undefined where the command has no answer. */
export function dispatch(command: Command, context: CommandContext): Promise<Outcome> | Outcome | undefined {
  switch (command.kind) {
    case "send":
      return handleSend(command, context);
    case "credit":
      handleCredit(command, context);
      return undefined;
    case "acknowledge":
      return handleAcknowledge(command, context);
    case "subscribe":
      return handleSubscribe(command, context);
    case "create":
      return handleCreate(command, context);
    case "delete":
      return handleDelete(command, context);
    case "slot-put":
      return handleSlotPut(command, context);
    case "slot-claim":
      return handleSlotClaim(command, context);
    case "slot-status":
      return handleSlotStatus(command, context);
    case "slot-delete":
      return handleSlotDelete(command, context);
    case "ping":
      return OK;
  }
}

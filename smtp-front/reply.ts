import { Failure } from "../foundation/failure.ts";
import type { Logger } from "../foundation/logger.ts";
import { SmtpReply } from "./submission.ts";

/** An error as smtp-server takes it: the code apart, the enhanced code at the head of the text. */
export interface ReplyError extends Error {
  responseCode: number;
}

/** Turns whatever a sink or an authenticator threw into a reply; what nobody expected is logged and is 451 4.3.0. */
export function toReply(error: unknown, logger: Logger): SmtpReply {
  if (error instanceof SmtpReply) return error;
  if (error instanceof Failure) {
    if (error.code === "full") return new SmtpReply(452, "4.3.1", error.message, { cause: error });
    if (error.code === "too-big") return new SmtpReply(552, "5.3.4", error.message, { cause: error });
    if (error.code === "invalid") return new SmtpReply(554, "5.6.0", error.message, { cause: error });
    if (error.code === "locked" || error.code === "unavailable" || error.code === "busy")
      return new SmtpReply(451, "4.3.0", error.message, { cause: error });
  }
  logger("error", "submission failed", { cause: describe(error) });
  return new SmtpReply(451, "4.3.0", "Something went wrong here; the message was not taken. Please try again", {
    cause: error,
  });
}

/** The stack's frames alone: a message may quote an address. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = (error.stack ?? "").split("\n").filter((line) => line.startsWith("    at "));
  return [error.name, ...frames.slice(0, 5)].join(" ");
}

export function replyError(reply: SmtpReply): ReplyError {
  return Object.assign(new Error(`${reply.enhanced} ${reply.message}`), { responseCode: reply.code });
}

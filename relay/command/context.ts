import type { Clock } from "../../foundation/clock.ts";
import type { RelayLimits } from "../limits.ts";
import type { Pusher } from "../pusher.ts";
import type { QueueStore } from "../queue-store.ts";
import type { Readers } from "../readers.ts";
import type { SlotStore } from "../slot-store.ts";
import type { RefusalReason } from "../wire/answer.ts";
import type { Answer } from "../wire/frame.ts";

/** What all connections of a relay share. */
export interface RelayState {
  readonly queues: QueueStore;
  readonly slots: SlotStore;
  readonly readers: Readers;
  readonly limits: RelayLimits;
  readonly clock: Clock;
  readonly token: Buffer;
}

/** What a command sees of the connection that it came on. */
export interface CommandContext extends RelayState {
  /** The secret of this TLS connection that proofs cover. */
  readonly exporter: Buffer;
  readonly pusher: Pusher;
}

/** The answer, and what may happen only once it is on its way. */
export interface Outcome {
  readonly answer: Answer;
  readonly afterwards?: () => void;
}

export const OK: Outcome = { answer: { kind: "ok" } };

export function refuse(reason: RefusalReason): Outcome {
  return { answer: { kind: "refused", reason } };
}

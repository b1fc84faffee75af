import type { Duplex } from "node:stream";
import type { Clock } from "../../foundation/clock.ts";
import type { BlobWriting } from "../blob-writing.ts";
import type { Counters } from "../counters.ts";
import type { CoverTraffic } from "../cover-traffic.ts";
import type { CreationRates } from "../creation-rates.ts";
import type { RelayLimits } from "../limits.ts";
import type { LivedTime } from "../lived-time.ts";
import type { Pusher } from "../pusher.ts";
import type { Readers } from "../readers.ts";
import type { RelayStore } from "../store.ts";
import type { RefusalReason } from "../wire/answer.ts";
import type { BlobData } from "../wire/blob.ts";
import type { CarriedStream } from "../wire/carried-stream.ts";
import type { Forward } from "../wire/forward.ts";
import type { Answer } from "../wire/frame.ts";

/** What all connections of a relay share. */
export interface RelayState {
  readonly store: RelayStore;
  readonly readers: Readers;
  readonly limits: RelayLimits;
  readonly clock: Clock;
  /** The age of what is stored is counted in it. */
  readonly time: LivedTime;
  readonly counters: Counters;
  readonly creations: CreationRates;
}

/** Where the streams lead that a connection carries for others. */
export interface Routes {
  /** To another relay. */
  forward(command: Forward): Promise<Duplex | RefusalReason>;
  /** To this relay itself: somebody's TLS stream ends here. */
  accept(stream: Duplex): void;
}

/** What a command sees of the connection that it came on. */
export interface CommandContext extends RelayState {
  /** The secret of this TLS connection that proofs cover. */
  readonly exporter: Buffer;
  readonly pusher: Pusher;
  readonly writing: BlobWriting;
  readonly cover: CoverTraffic;
  /** Undefined on a connection that is carried itself: nobody is led on from there. */
  readonly routes: Routes | undefined;
  /** From now on the connection carries this stream, and nothing else. */
  readonly carry: () => CarriedStream;
}

/** The answer, and what may happen only once it is on its way. */
export interface Outcome {
  readonly answer: Answer;
  /** What goes before it, with its correlation. */
  readonly parts?: readonly BlobData[];
  readonly afterwards?: () => void;
  /** Instead, where the client has gone meanwhile. */
  readonly abandoned?: () => void;
}

export const OK: Outcome = { answer: { kind: "ok" } };

export function refuse(reason: RefusalReason): Outcome {
  return { answer: { kind: "refused", reason } };
}

import { equalConstantTime } from "../../foundation/bytes.ts";
import { Failure } from "../../foundation/failure.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import type { RefusalReason } from "../../relay/wire/answer.ts";
import { requestCarried } from "../../relay/wire/carried-client.ts";
import type { CarriedStream } from "../../relay/wire/carried-stream.ts";
import type { Carrier, CarrierProperties, CarrierStream } from "./carrier.ts";
import { pinnedStream } from "./pinned-stream.ts";

export interface EntryCarrierOptions {
  /** Relays of other operators than the contacts' ones; for each relay the first that is not that one. */
  readonly entries: readonly RelayAddress[];
  /** How the entry relays are reached. */
  readonly through: Carrier;
  /** Milliseconds for the entry relay's answer, and for the handshake with the relay behind it, each. */
  readonly connectTimeout?: number;
}

/** The entry relay gives up after ten seconds by itself. */
const CONNECT_TIMEOUT = 30_000;

/**
 * Reaches relays through an entry relay. TLS goes from here to the relay behind it, in blocks that the entry relay
 * passes on: so it learns which relay is meant, but no queue; and that one sees the entry relay's address, not this
 * machine's. There is no other way: while the entry relay is down, the relays behind it cannot be reached.
 */
export function entryCarrier({ entries, through, connectTimeout = CONNECT_TIMEOUT }: EntryCarrierOptions): Carrier {
  const properties: CarrierProperties = {
    duplex: true,
    maxLatency: through.properties.maxLatency * 2,
    hidesIp: true,
    isolates: true,
  };
  return {
    properties,
    async open(relay, { signal, isolation } = {}): Promise<CarrierStream> {
      const entry = entries.find(({ pin }) => !equalConstantTime(pin, relay.pin));
      if (entry === undefined)
        throw new Failure(
          "unavailable",
          `the relay at ${relay.host}:${relay.port} is the only entry relay itself, so it would see this machine's address: ` +
            "name a second one, of another operator, as entry in [overlay] of config.toml",
        );
      const outer = await through.open(entry, { signal, isolation });
      const limit = AbortSignal.timeout(connectTimeout);
      const stop = AbortSignal.any([limit, ...(signal === undefined ? [] : [signal])]);
      const leave = (): void => void outer.stream.destroy();
      stop.addEventListener("abort", leave);
      try {
        const { host, port, pin } = relay;
        const carried = await requestCarried(outer.stream, { kind: "forward", host, port, pin });
        if (!isStream(carried)) throw refusal(entry, relay, carried);
        return await pinnedStream(relay, { properties, timeout: connectTimeout, signal, through: carried });
      } finally {
        stop.removeEventListener("abort", leave);
      }
    },
  };
}

function isStream(outcome: CarriedStream | RefusalReason | "closed"): outcome is CarriedStream {
  return typeof outcome !== "string";
}

function refusal(entry: RelayAddress, relay: RelayAddress, reason: RefusalReason | "closed"): Failure {
  const via = `the entry relay at ${entry.host}:${entry.port}`;
  const to = `${relay.host}:${relay.port}`;
  if (reason === "forbidden")
    return new Failure("unavailable", `${via} leads nobody to ${to}: choose another as entry`);
  if (reason === "full") return new Failure("unavailable", `${via} leads as many others as it may just now`);
  return new Failure("unavailable", `${via} does not get through to ${to} just now; nothing is sent around it`);
}

import { openPinnedTls, type PinnedTlsOptions } from "../../foundation/pinned-tls.ts";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { EXPORTER_LABEL, EXPORTER_SIZE } from "../../relay/wire/size.ts";
import type { CarrierProperties, CarrierStream } from "./carrier.ts";

/** TLS 1.3 with a relay that has proved its pinned key, as carriers give it. @throws Failure unavailable, forbidden */
export async function pinnedStream(
  relay: RelayAddress,
  { properties, ...options }: PinnedTlsOptions & { readonly properties: CarrierProperties },
): Promise<CarrierStream> {
  const stream = await openPinnedTls(relay, options);
  const secret = stream.exportKeyingMaterial(EXPORTER_SIZE, EXPORTER_LABEL, Buffer.alloc(0));
  return { stream, properties, exporter: () => secret };
}

import { join } from "node:path";
import type { RelayLimits } from "../../relay/limits.ts";
import { type Relay, startRelay } from "../../relay/relay.ts";
import { FakeClock } from "./fake-clock.ts";
import { inTemporaryDirectory } from "./fixtures.ts";
import { RawClient } from "./raw-client.ts";

/** A relay on a fake clock, and clients that are closed with it. */
export interface Scene {
  readonly directory: string;
  readonly relay: Relay;
  readonly token: Buffer;
  readonly clock: FakeClock;
  readonly connect: (version?: number) => Promise<RawClient>;
}

export function withRelay(work: (scene: Scene) => Promise<void>, limits: Partial<RelayLimits> = {}): Promise<void> {
  return inTemporaryDirectory(async (parent) => {
    const directory = join(parent, "relay");
    const clock = new FakeClock();
    const relay = await startRelay({ directory, host: "127.0.0.1", port: 0, clock, limits });
    const clients: RawClient[] = [];
    try {
      await work({
        directory,
        relay,
        clock,
        token: relay.address.token ?? Buffer.alloc(0),
        async connect(version) {
          const client = await RawClient.connect(relay.address, version);
          clients.push(client);
          return client;
        },
      });
    } finally {
      for (const client of clients) await client.close();
      await relay.stop();
    }
  });
}

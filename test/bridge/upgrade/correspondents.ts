import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll } from "@jest/globals";
import { startRelay } from "../../../relay/relay.ts";
import { parseRelayUrl, type RelayAddress } from "../../../relay/relay-url.ts";
import { Correspondent } from "./correspondent.ts";

export interface Correspondents {
  readonly person: (address: string) => Promise<Correspondent>;
  /** Closes those that there are, which happens after each test, too. */
  readonly part: () => Promise<void>;
}

/** A relay for a file of tests, and people who write to each other by it. */
export function correspondents(): Correspondents {
  const directory = mkdtempSync(join(tmpdir(), "postern-upgrade-relay-"));
  let relay: Awaited<ReturnType<typeof startRelay>>;
  let at: RelayAddress;
  const people: Correspondent[] = [];
  const part = async (): Promise<void> => {
    await Promise.all(people.splice(0).map((person) => person.close()));
  };

  beforeAll(async () => {
    relay = await startRelay({ directory, host: "127.0.0.1", port: 0 });
    at = parseRelayUrl(relay.url);
  });
  afterEach(part);
  afterAll(async () => {
    await relay.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  return {
    async person(address) {
      const made = await Correspondent.create(address, at);
      people.push(made);
      return made;
    },
    part,
  };
}

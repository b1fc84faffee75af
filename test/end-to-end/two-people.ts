import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Person } from "../../rig/person.ts";
import { PosternServer } from "../../rig/postern-process.ts";

/** Alice and Bob, contacts of each other, and a relay; all as processes on loopback. */
export class TwoPeople {
  readonly scratch: string;
  readonly alice: Person;
  readonly bob: Person;
  relay: PosternServer;

  private constructor(scratch: string, relay: PosternServer, alice: Person, bob: Person) {
    this.scratch = scratch;
    this.relay = relay;
    this.alice = alice;
    this.bob = bob;
  }

  /** `prepare` is called before there is anything below the scratch directory. */
  static async meet(prepare: (scratch: string) => void = () => undefined): Promise<TwoPeople> {
    const scratch = mkdtempSync(join(tmpdir(), "postern-test-"));
    prepare(scratch);
    const relay = await TwoPeople.#startRelay(scratch, "127.0.0.1:0");
    const alice = await Person.create("alice", scratch, relay.url);
    const bob = await Person.create("bob", scratch, relay.url);
    await Promise.all([alice.start(), bob.start()]);
    await alice.befriend(bob);
    return new TwoPeople(scratch, relay, alice, bob);
  }

  /** Starts the relay anew where it was, with what it had on disk. */
  async restartRelay(signal?: NodeJS.Signals): Promise<void> {
    const { host } = new URL(this.relay.url.replace("postern-relay:", "http:"));
    await this.relay.stop(signal);
    this.relay = await TwoPeople.#startRelay(this.scratch, host);
  }

  async part(): Promise<void> {
    await Promise.all([this.alice.stop(), this.bob.stop(), this.relay.stop()]);
    rmSync(this.scratch, { recursive: true, force: true });
  }

  static async #startRelay(scratch: string, listen: string): Promise<PosternServer> {
    return await PosternServer.start(scratch, "relay", "--home", join(scratch, "relay"), "--listen", listen);
  }
}

import { join } from "node:path";
import { Person } from "../rig/person.ts";
import { PosternServer } from "../rig/postern-process.ts";

/** A relay and two bridges whose people are contacts, as processes on loopback; `undo` gets what stops each, last first. */
export async function twoPeople(
  scratch: string,
  undo: (() => Promise<void>)[],
): Promise<{ readonly relay: PosternServer; readonly alice: Person; readonly bob: Person }> {
  const home = join(scratch, "relay");
  const relay = await PosternServer.start(scratch, "relay", "--home", home, "--listen", "127.0.0.1:0");
  undo.push(() => relay.stop());
  const alice = await Person.create("alice", scratch, relay.url);
  const bob = await Person.create("bob", scratch, relay.url);
  undo.push(
    () => alice.stop(),
    () => bob.stop(),
  );
  await alice.start();
  await bob.start();
  await alice.befriend(bob);
  return { relay, alice, bob };
}

import { expect } from "@jest/globals";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { Doomed } from "./doomed.ts";
import { befriend, Person } from "./person.ts";

/**
 * Steps of a letter's way at which the power may go: before and after the commit of what was encrypted, the sending, and
 * the commit of what was sent; and some of the letter before, which comes back.
 */
const STEPS = 8;

/** Cuts a sender's power so many times while letters leave, one after another: each arrives once, and no key serves two. */
export async function letterCrashes(relay: RelayAddress, cuts: number): Promise<void> {
  const [a, b] = [new Doomed(relay), new Person(relay)];
  try {
    await befriend(b, a);
    await Promise.all([a.overlay.idle(), b.overlay.idle()]);
    const sent: string[] = [];
    for (let crashes = 0; crashes < cuts; ) {
      const content = `letter ${sent.length}`;
      sent.push(content);
      await a.send(content, b);
      a.doom(1 + (sent.length % STEPS), () => undefined);
      await a.until(() => a.dead || a.overlay.status().waiting === 0);
      if (a.dead) {
        crashes++;
        a.revive();
      } else a.spare();
    }
    await b.until(() => b.letters().length >= sent.length);
    await Promise.all([a.overlay.idle(), b.overlay.idle()]);
    expect(b.contents()).toEqual(sent);
    const { dropped } = b.overlay.status();
    expect({ ...dropped, duplicate: 0 }).toEqual({ duplicate: 0 });
    expect(a.count("failed") + b.count("gap")).toBe(0);
  } finally {
    await Promise.all([a.close(), b.close()]);
  }
}

import { expect } from "@jest/globals";
import type { RelayAddress } from "../../relay/relay-url.ts";
import { Doomed } from "./doomed.ts";
import { IN_A_DAY } from "./person.ts";

const LONG = "x".repeat(900);
const FROM_CLAIMANT = ["one", LONG.repeat(60), "three", LONG.repeat(130)];
const FROM_INVITER = ["four", "five"];

/** Invite, acceptance, letters both ways, with one of the two crashing at a step; true if that step was reached. */
export async function crashStory(relay: RelayAddress, dying: "inviter" | "claimant", step: number): Promise<boolean> {
  const [a, b] = [new Doomed(relay), new Doomed(relay)];
  const victim = dying === "inviter" ? a : b;
  let crashed = () => undefined as void;
  const crash = new Promise<void>((resolve) => {
    crashed = resolve;
  });
  victim.doom(step, crashed);
  const revived = crash.then(() => victim.revive());

  /** Does it, and again if the power went meanwhile; each action may be repeated. */
  const surely = async <T>(who: Doomed, action: () => Promise<T>): Promise<T> => {
    if (who !== victim) return action();
    const done = await Promise.race([action().catch(() => undefined), revived.then(() => undefined)]);
    return done ?? action();
  };
  const link = await surely(a, async () => {
    const pending = a.overlay.pendingInvites().find(({ direction }) => direction === "made");
    return pending?.link ?? (await a.overlay.createInvite({ expiresAt: IN_A_DAY() })).link;
  });
  await a.until(() => a.overlay.pendingInvites()[0]?.state === "open");
  await surely(b, async () => {
    if (b.contacts.list().length === 0) await b.overlay.acceptInvite(link, "alice");
    await b.until(() => b.contacts.list().length > 0);
    return true;
  });
  const send = (from: Doomed, to: Doomed, content: string) =>
    surely(from, async () => {
      // Those of one life: a letter that was prepared before the power cut is not there after it.
      const { overlay, db } = from;
      const letter = await overlay.prepare(one(content));
      db.transaction(() => {
        db.sqlite.exec("CREATE TABLE IF NOT EXISTS sent (content TEXT PRIMARY KEY)");
        const fresh = db.sqlite.prepare("INSERT OR IGNORE INTO sent VALUES (?)").run(content).changes;
        if (fresh > 0) overlay.enqueue(letter, [to.label]);
      });
      await letter.discard().catch(() => undefined);
      return true;
    });
  for (const content of FROM_CLAIMANT) await send(b, a, content);
  await a.until(() => a.db.sqlite.open && a.contacts.list().length > 0);
  for (const content of FROM_INVITER) await send(a, b, content);
  const all = (who: Doomed, count: number) =>
    who.until(() => who.db.sqlite.open && who.letters().length >= count && !who.overlay.status().waiting);
  await all(a, FROM_CLAIMANT.length);
  await all(b, FROM_INVITER.length);
  await Promise.all([settled(a), settled(b)]);
  const sizes = (contents: string[]) => contents.map(({ length }) => length).sort((x, y) => x - y);
  expect(
    a
      .letters()
      .map(({ size }) => size)
      .sort((x, y) => x - y),
  ).toEqual(sizes(FROM_CLAIMANT));
  expect(b.contents().sort()).toEqual([...FROM_INVITER].sort());
  for (const who of [a, b]) {
    expect(who.contacts.list()).toHaveLength(1);
    expect(who.overlay.pendingInvites()).toEqual([]);
    expect(who.count("gap") + who.count("failed") + who.count("invite-burned") + who.count("join-failed")).toBe(0);
  }
  await Promise.all([a.close(), b.close()]);
  return victim.revivals > 0;
}

/** Nothing is under way any more, and if the power goes at the last moment, once it is back. */
async function settled(person: Doomed): Promise<void> {
  await person.until(() => person.db.sqlite.open && person.overlay.pendingInvites().length === 0);
  const { revivals } = person;
  await Promise.race([person.overlay.idle(), person.until(() => !person.db.sqlite.open || person.revivals > revivals)]);
  if (person.db.sqlite.open && person.revivals === revivals) return;
  await settled(person);
}

async function* one(content: string): AsyncGenerator<Buffer> {
  yield Buffer.from(content);
}

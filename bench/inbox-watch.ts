import type { ImapFlow } from "imapflow";
import type { Person } from "../rig/person.ts";

/** Messages that the open INBOX has, as IDLE tells it. */
export function watchCount(client: ImapFlow): { count(): number; until(count: number): Promise<void> } {
  let exists = typeof client.mailbox === "object" ? client.mailbox.exists : 0;
  const waiting: { count: number; resolve: () => void }[] = [];
  client.on("exists", (data: { count: number }) => {
    exists = data.count;
    for (const waiter of waiting) if (exists >= waiter.count) waiter.resolve();
  });
  return {
    count: () => exists,
    until: (count) =>
      new Promise((resolve, reject) => {
        if (exists >= count) return resolve();
        const timer = setTimeout(() => reject(new Error(`${exists} of ${count} letters came`)), 300_000);
        waiting.push({ count, resolve: () => (clearTimeout(timer), resolve()) });
      }),
  };
}

/** Somebody's INBOX with a client that waits in IDLE there until `undo` lets it go. */
export async function idlingInbox(
  person: Person,
  undo: (() => Promise<void>)[],
): Promise<ReturnType<typeof watchCount>> {
  const client = await person.imap();
  undo.push(() => client.logout());
  await client.mailboxOpen("INBOX");
  const inbox = watchCount(client);
  const idling = async () => {
    while (client.usable) await client.idle().catch(() => undefined);
  };
  void idling();
  return inbox;
}

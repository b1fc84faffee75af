import type { ImapFlow } from "imapflow";

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

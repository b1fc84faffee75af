import { expect, test } from "@jest/globals";
import { append, box, inHome, mail, read } from "./home.ts";

const MESSAGES = 2_000;
const CONCURRENT = 32;

test(
  "two thousand messages of 4 KB go in and out; how fast is printed",
  inHome(async (home) => {
    const maildir = await home.open();
    const [inbox, archive] = [box(maildir, "INBOX"), box(maildir, "Archive")];
    const figures: string[] = [];
    const timed = async (what: string, count: number, work: () => unknown): Promise<void> => {
      const start = performance.now();
      await work();
      const elapsed = performance.now() - start;
      figures.push(`${what}: ${elapsed.toFixed(0)} ms, ${((count * 1000) / elapsed).toFixed(0)}/s`);
    };
    const message = (index: number): string => mail(`number ${index}`, "A line of text.\r\n".repeat(230));
    await timed("append, one at a time", 100, async () => {
      for (let index = 0; index < 100; index++) await append(inbox, message(index));
    });
    let next = 100;
    const worker = async (): Promise<void> => {
      while (next < MESSAGES) await append(inbox, message(next++));
    };
    await timed(`append, ${CONCURRENT} at a time`, MESSAGES - next, () =>
      Promise.all(Array.from({ length: CONCURRENT }, worker)),
    );
    const uids = inbox.uids();
    await timed("summaries", MESSAGES, () => expect([...inbox.summaries(uids)]).toHaveLength(MESSAGES));
    await timed("envelopes", MESSAGES, () => expect(inbox.envelopes(uids)).toHaveLength(MESSAGES));
    await timed("headers", MESSAGES, () => expect(inbox.headers(uids)).toHaveLength(MESSAGES));
    await timed("read", MESSAGES, async () => {
      for (const uid of uids) await read(inbox, uid);
    });
    await timed("flags", MESSAGES, () => inbox.changeFlags(uids, "add", ["\\Seen"]));
    await timed("copy", MESSAGES, () => inbox.copy(uids, archive));
    await timed("text search", MESSAGES, () => inbox.searchText("text", "number 777", uids));
    await timed("expunge", MESSAGES, () => inbox.expunge(uids));
    await timed("close", MESSAGES, () => maildir.close());
    expect(inbox.status()).toMatchObject({ messages: 0, uidNext: MESSAGES + 1 });
    expect(archive.status()).toMatchObject({ messages: MESSAGES, unseen: 0 });
    process.stdout.write(`${figures.join("\n")}\n`);
  }),
);

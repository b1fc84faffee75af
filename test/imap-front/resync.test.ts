import { afterEach, expect, test } from "@jest/globals";
import { Client, serve, stopServers } from "./dialogue.ts";
import { type MemoryMailbox, MemoryStore } from "./memory-store.ts";
import { LETTER } from "./sample-messages.ts";

afterEach(stopServers);

/** UIDs 1, 4 and 6 are left of six, and the log of what was expunged does not reach back. */
async function selectAfterCut(parameter: string): Promise<string> {
  const store = new MemoryStore();
  const mailbox = store.mailbox("INBOX") as MemoryMailbox;
  for (let uid = 1; uid <= 6; uid++) mailbox.put(LETTER);
  await mailbox.expunge([2, 3, 5]);
  Object.assign(mailbox, { expungedSince: () => undefined });
  const client = await (await Client.connect(await serve(store))).login();
  await client.command("a1", "ENABLE QRESYNC");
  const answer = await client.command("a2", `SELECT INBOX (QRESYNC (1001 ${parameter}))`);
  client.close();
  return /^\* VANISHED \(EARLIER\) (.*)\r$/m.exec(answer)?.[1] ?? "";
}

test.each([
  ["1", "2:3,5"],
  ["1 1:4", "2:3"],
  ["1 3:4294967295", "3,5"],
  ["1 1:6 (1 1)", "2:3,5"],
  ["1 1:6 (1:2 1,4)", "5"],
  ["1 (1,3 1,6)", ""],
  ["1 1:6 (1:4294967295 1:4294967295)", "2:3,5"],
])(
  "where the log was cut, QRESYNC (%s) tells all that is not there: %s (RFC 7162 section 3.2.5.2)",
  async (parameter, vanished) => {
    expect(await selectAfterCut(parameter)).toBe(vanished);
  },
);

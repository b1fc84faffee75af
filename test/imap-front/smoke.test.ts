import { afterEach, expect, test } from "@jest/globals";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";
import { ENCODED, LETTER, NESTED } from "./sample-messages.ts";

afterEach(stopServers);
test("smoke", async () => {
  const store = new MemoryStore({ INBOX: undefined, Sent: "\\Sent", "a/b": undefined });
  for (const m of [LETTER, ENCODED, NESTED]) store.mailbox("INBOX")!.put(m);
  const server = await serve(store);
  const c = await (await Client.connect(server)).login();
  let log = "";
  const run = async (t: string) => {
    log += `C: ${t}\n` + (await c.command("x", t));
  };
  for (const t of [
    "CAPABILITY",
    'LIST "" *',
    'LIST "" %',
    "SELECT INBOX",
    "FETCH 1:3 (FLAGS UID)",
    "UID FETCH 1:*  (FLAGS)",
    "FETCH 1 FULL",
    "FETCH 3 BODYSTRUCTURE",
    "FETCH 3 (BODY.PEEK[2.HEADER] BODY.PEEK[2.1.MIME] BODY.PEEK[2.1] BODY.PEEK[2.2]<3.5> BODY.PEEK[9] BODY.PEEK[2.TEXT] BODY.PEEK[])",
    "FETCH 2 BODY[HEADER.FIELDS (subject x-note)]",
    'SEARCH CHARSET UTF-8 TEXT "strasse"',
    "UID SEARCH SENTON 7-Feb-1994",
    "SEARCH OR FROM fred NOT SEEN UID 2:*",
    "SEARCH RETURN (MIN MAX COUNT ALL) ALL",
    "STORE 1 +FLAGS (\\Deleted $work)",
    "UID STORE 2 (UNCHANGEDSINCE 1) -FLAGS.SILENT (\\Seen)",
    "COPY 1:2 Sent",
    "MOVE 2 Sent",
    "EXPUNGE",
    "STATUS Sent (MESSAGES UNSEEN SIZE MAILBOXID)",
    "APPEND Sent (\\Seen) {3+}\r\nabc",
    "NOOP",
    "BAD",
    "CLOSE",
    "LOGOUT",
  ])
    await run(t);
  console.log(log);
  expect(1).toBe(1);
});

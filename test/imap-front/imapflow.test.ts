import { afterEach, expect, test } from "@jest/globals";
import { ImapFlow } from "imapflow";
import { serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";
import { ENCODED, LETTER, NESTED } from "./sample-messages.ts";

afterEach(stopServers);

async function open(store: MemoryStore, qresync = false): Promise<ImapFlow> {
  const { host, port } = await serve(store);
  const client = new ImapFlow({
    host,
    port,
    secure: false,
    auth: { user: "ann", pass: "secret" },
    logger: false,
    qresync,
  });
  await client.connect();
  return client;
}

test("imapflow lists, reads, flags, searches, appends, copies, moves and deletes", async () => {
  const store = new MemoryStore({ INBOX: undefined, Sent: "\\Sent", Trash: "\\Trash" });
  for (const message of [LETTER, ENCODED, NESTED]) store.mailbox("INBOX")?.put(message);
  const client = await open(store);
  const folders = await client.list({ statusQuery: { messages: true, unseen: true } });
  expect(folders.map(({ path, specialUse, status }) => [path, specialUse, status?.messages])).toEqual([
    ["INBOX", "\\Inbox", 3],
    ["Sent", "\\Sent", 0],
    ["Trash", "\\Trash", 0],
  ]);

  const mailbox = await client.mailboxOpen("INBOX");
  expect(mailbox).toMatchObject({ exists: 3, uidNext: 4, uidValidity: 1001n, highestModseq: 103n, mailboxId: "M1" });
  const subjects: (string | undefined)[] = [];
  for await (const message of client.fetch("1:*", {
    uid: true,
    envelope: true,
    bodyStructure: true,
    flags: true,
    internalDate: true,
    threadId: true,
  }))
    subjects.push(message.envelope?.subject);
  expect(subjects).toEqual(["afternoon meeting", "Grüße from\tfar away", "outer"]);
  const whole = await client.fetchOne("3", { source: true, headers: ["subject"] }, { uid: true });
  expect(whole && whole.source?.toString()).toBe(NESTED);
  const part = await client.download("3", "2.1", { uid: true });
  const pieces: Buffer[] = [];
  for await (const piece of part.content ?? []) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).toString()).toBe("inner text");

  expect(await client.search({ subject: "Grüße" }, { uid: true })).toEqual([2]);
  expect(await client.search({ or: [{ from: "fred" }, { body: "inner" }] })).toEqual([1, 3]);
  expect(await client.messageFlagsAdd("1:2", ["\\Flagged", "$Work"])).toBe(true);
  expect(await client.search({ keyword: "$Work", flagged: true })).toEqual([1, 2]);

  const appended = await client.append("Sent", LETTER, ["\\Seen"], new Date(Date.UTC(2020, 0, 1)));
  expect(appended).toMatchObject({ uid: 1, uidValidity: 1002n });
  const copied = await client.messageCopy("1", "Trash");
  expect(copied && [...(copied.uidMap ?? [])]).toEqual([[1, 1]]);
  await client.messageMove("1", "Trash");
  await client.messageDelete("1");
  expect(await client.status("INBOX", { messages: true })).toMatchObject({ messages: 1 });
  expect((await client.mailboxCreate(["Work", "Ä"])).created).toBe(true);
  expect((await client.mailboxRename("Work/Ä", "Work/Ö")).newPath).toBe("Work/Ö");
  expect((await client.mailboxDelete("Work/Ö")).path).toBe("Work/Ö");
  await client.logout();
});

test("imapflow hears in IDLE of what others do", async () => {
  const store = new MemoryStore();
  store.mailbox("INBOX")?.put(LETTER);
  const client = await open(store);
  await client.mailboxOpen("INBOX");
  const idle = client.idle();
  const exists = new Promise((resolve) => client.once("exists", resolve));
  async function* content() {
    yield Buffer.from(LETTER);
  }
  await store.mailbox("INBOX")?.append([{ content: content(), flags: [] }]);
  expect(await exists).toMatchObject({ count: 2, prevCount: 1 });
  const flags = new Promise((resolve) => client.once("flags", resolve));
  await store.mailbox("INBOX")?.changeFlags([1], "add", ["\\Seen"]);
  expect(await flags).toMatchObject({ seq: 1, flags: new Set(["\\Seen"]) });
  const expunge = new Promise((resolve) => client.once("expunge", resolve));
  await store.mailbox("INBOX")?.expunge([1]);
  expect(await expunge).toMatchObject({ seq: 1 });
  const noop = client.noop();
  await Promise.all([idle, noop]);
  await client.logout();
});

test("imapflow with QRESYNC hears by UID of what is gone", async () => {
  const store = new MemoryStore();
  for (const message of [LETTER, ENCODED, NESTED]) store.mailbox("INBOX")?.put(message);
  const client = await open(store, true);
  expect([...client.enabled]).toEqual(expect.arrayContaining(["CONDSTORE", "QRESYNC"]));
  await client.mailboxOpen("INBOX");
  const expunge = new Promise((resolve) => client.once("expunge", resolve));
  await store.mailbox("INBOX")?.expunge([2]);
  await client.noop();
  expect(await expunge).toMatchObject({ uid: 2, vanished: true });
  await client.logout();
});

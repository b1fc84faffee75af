import { afterEach, expect, test } from "@jest/globals";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";
import { LETTER } from "./sample-messages.ts";

afterEach(stopServers);

function inbox(store: MemoryStore) {
  const mailbox = store.mailbox("INBOX");
  if (mailbox === undefined) throw new Error("no INBOX");
  return mailbox;
}

async function opened(store: MemoryStore, limits = {}): Promise<Client> {
  const client = await (await Client.connect(await serve(store, { limits }))).login();
  await client.command("select", "SELECT INBOX");
  return client;
}

test("a damaged message is left out, the others come, and the answer is NO", async () => {
  const store = new MemoryStore();
  for (let i = 0; i < 3; i++) inbox(store).put(LETTER);
  inbox(store).damaged.add(2);
  const client = await opened(store);
  const answer = await client.command("a1", "FETCH 1:3 (UID BODY[TEXT])");
  expect(answer.match(/\* \d FETCH \(UID \d BODY/g)).toEqual(["* 1 FETCH (UID 1 BODY", "* 3 FETCH (UID 3 BODY"]);
  expect(answer).toMatch(/a1 NO \[CORRUPTION\] the message cannot be read\r\n$/);
  expect(await client.command("a2", "FETCH 1:3 (FLAGS)")).toBe(
    "* 1 FETCH (FLAGS (\\Seen \\Recent))\r\n* 2 FETCH (FLAGS (\\Recent))\r\n* 3 FETCH (FLAGS (\\Seen \\Recent))\r\na2 OK FETCH completed\r\n",
  );
  client.close();
});

test("of a long list few headers are in memory at a time, however many items ask for them", async () => {
  const store = new MemoryStore();
  for (let i = 0; i < 100; i++) inbox(store).put(LETTER);
  const held: number[] = [];
  const note = <A extends readonly number[], B>(uids: A, found: B): B => {
    held.push(uids.length);
    return found;
  };
  const mailbox = inbox(store);
  const [headers, headerFields] = [mailbox.headers.bind(mailbox), mailbox.headerFields.bind(mailbox)];
  mailbox.headers = (uids) => note(uids, headers(uids));
  mailbox.headerFields = (uids) => note(uids, headerFields(uids));
  const client = await opened(store);
  const fields = Array.from({ length: 50 }, (_, i) => `BODY.PEEK[HEADER.FIELDS (SUBJECT X-${i})]`).join(" ");
  for (const items of [fields, `${fields} BODY.PEEK[HEADER]`]) {
    held.length = 0;
    expect(await client.command("a1", `FETCH 1:* (${items})`)).toMatch(/\r\na1 OK/);
    expect(Math.max(...held)).toBeLessThanOrEqual(32);
    expect(held.reduce((a, b) => a + b, 0)).toBe(100);
  }
  client.close();
});

test("a message that breaks off after its literal began ends the connection, and is refused the next time", async () => {
  const store = new MemoryStore();
  inbox(store).put(`Subject: long\r\n\r\n${"x".repeat(300_000)}`);
  inbox(store).put(LETTER);
  inbox(store).breaksOffAt = 200_000;
  const server = await serve(store, { limits: { bufferedSection: 100_000 } });
  const first = await (await Client.connect(server)).login();
  await first.command("a1", "SELECT INBOX");
  first.send("a2 FETCH 1:2 BODY.PEEK[]\r\n");
  expect(await first.rest()).not.toContain("a2 ");
  const second = await (await Client.connect(server)).login();
  await second.command("a1", "SELECT INBOX");
  const answer = await second.command("a2", "FETCH 1:2 BODY.PEEK[]");
  expect(answer).toContain("* 2 FETCH (BODY[] {");
  expect(answer).toMatch(/a2 NO \[CORRUPTION\]/);
  second.close();
});

test("a long message comes octet for octet, whole and in part", async () => {
  const store = new MemoryStore();
  const body = Buffer.from(Array.from({ length: 400_000 }, (_, i) => (i % 3 === 0 ? 0xe4 : 97 + (i % 26))));
  const message = Buffer.concat([Buffer.from("Subject: long\r\n\r\n"), body]);
  inbox(store).put(message.toString("latin1"));
  const stored = Buffer.from(message.toString("latin1"));
  const client = await opened(store, { bufferedSection: 50_000 });
  const answer = await client.command(
    "a1",
    "FETCH 1 (BODY.PEEK[] BODY.PEEK[TEXT]<100000.200000> BODY.PEEK[TEXT]<10.20>)",
  );
  const whole = `BODY[] {${stored.length}}\r\n${stored.toString("latin1")} `;
  expect(answer.includes(whole)).toBe(true);
  const text = stored.subarray(17).toString("latin1");
  expect(answer.includes(`BODY[TEXT]<100000> {200000}\r\n${text.slice(100_000, 300_000)} `)).toBe(true);
  expect(answer.includes(`BODY[TEXT]<10> {20}\r\n${text.slice(10, 30)})`)).toBe(true);
  client.close();
});

test("a client that does not read makes the server wait, not its memory grow", async () => {
  const store = new MemoryStore();
  for (let i = 0; i < 40; i++) inbox(store).put(`Subject: long\r\n\r\n${"x".repeat(900_000)}`);
  const read: number[] = [];
  const mailbox = inbox(store);
  const original = mailbox.read.bind(mailbox);
  mailbox.read = (uid, start, end) => {
    read.push(uid);
    return original(uid, start, end);
  };
  const client = await opened(store);
  client.pause();
  client.send("a1 FETCH 1:40 BODY.PEEK[]\r\n");
  let before = -1;
  while (read.length === 0 || read.length !== before) {
    before = read.length;
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
  }
  expect(read.length).toBeLessThan(30);
  client.resume();
  expect(await client.answer("a1")).toContain("* 40 FETCH");
  client.close();
});

test("other sessions are answered while one fetches ten thousand messages", async () => {
  const store = new MemoryStore();
  for (let i = 0; i < 10_000; i++) inbox(store).put(LETTER);
  const server = await serve(store);
  const busy = await (await Client.connect(server)).login();
  const other = await (await Client.connect(server)).login();
  await busy.command("a1", "SELECT INBOX");
  const all = busy.command("a2", "FETCH 1:* (FLAGS ENVELOPE BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])");
  let answered = 0;
  for (let first = ""; first !== "all"; ) {
    const noop = other.command(`b${answered}`, "NOOP");
    first = await Promise.race([noop.then(() => "noop"), all.then(() => "all")]);
    await noop;
    if (first === "noop") answered++;
  }
  expect(answered).toBeGreaterThan(3);
  expect((await all).match(/^\* \d+ FETCH/gm)).toHaveLength(10_000);
  busy.close();
  other.close();
});

test("an appended message that the store cannot take is read to its end and the session goes on", async () => {
  const store = new MemoryStore();
  const mailbox = inbox(store);
  mailbox.append = async () => {
    const { Failure } = await import("../../foundation/failure.ts");
    throw new Failure("full", "the disk is full: free some space and try again");
  };
  const client = await opened(store);
  client.send(`a1 APPEND INBOX {50000+}\r\n${"x".repeat(50_000)}\r\na2 NOOP\r\n`);
  expect(await client.until(/a2 [^\r]*\r\n/)).toBe(
    "a1 NO [OVERQUOTA] the disk is full: free some space and try again\r\na2 OK completed\r\n",
  );
  client.close();
});

test("a bug in the store is told as SERVERBUG and logged without its words", async () => {
  const store = new MemoryStore();
  inbox(store).changeFlags = async () => {
    throw new Error("secret words");
  };
  inbox(store).put(LETTER);
  const logged: string[] = [];
  const server = await serve(store, {
    logger: (level, event, details) => logged.push(`${level} ${event} ${JSON.stringify(details)}`),
  });
  const client = await (await Client.connect(server)).login();
  await client.command("a1", "SELECT INBOX");
  expect(await client.command("a2", "STORE 1 +FLAGS (\\Seen)")).toContain("a2 NO [SERVERBUG]");
  expect(await client.command("a3", "NOOP")).toBe("a3 OK completed\r\n");
  expect(logged.find((line) => line.startsWith("error imap.command"))).toBeDefined();
  expect(logged.join()).not.toContain("secret words");
  client.close();
});

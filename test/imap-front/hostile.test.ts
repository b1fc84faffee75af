import { generateKeyPairSync } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { afterEach, expect, test } from "@jest/globals";
import { startImapServer } from "../../imap-front/server.ts";
import { selfSignedCertificate } from "../../relay/certificate.ts";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";
import { ScramClient } from "./scram-client.ts";

afterEach(stopServers);

test("1,000 connections that are opened and left stay within the bound, end no session, and keep nobody out", async () => {
  const logged = new Map<string, number>();
  const running = await serve(undefined, {
    logger: (_level, event) => logged.set(event, (logged.get(event) ?? 0) + 1),
  });
  const reader = await (await Client.connect(running)).login();
  const left: Socket[] = [];
  let closed = 0;
  const enoughClosed = new Promise<void>((resolve) => {
    const count = () => {
      closed++;
      if (closed === 501) resolve();
    };
    left.push(
      ...Array.from({ length: 1000 }, () => {
        const socket = createConnection(running.port, running.host);
        socket.on("error", () => undefined);
        socket.resume();
        socket.once("close", count);
        return socket;
      }),
    );
  });
  await enoughClosed;
  expect(await reader.command("a1", "NOOP")).toBe("a1 OK completed\r\n");
  const late = await (await Client.connect(running)).login();
  expect(await late.command("a1", "SELECT INBOX")).toContain("a1 OK");
  expect(await reader.command("a2", "NOOP")).toBe("a2 OK completed\r\n");
  expect(logged.get("imap.too-many-connections")).toBe(502);
  for (const socket of left) socket.destroy();
  reader.close();
  late.close();
});

test("the oldest connection that has not logged in gives way, not one that has", async () => {
  const running = await serve(undefined, { limits: { connections: 3 } });
  const reader = await (await Client.connect(running)).login();
  const oldest = await Client.connect(running);
  await oldest.until(/\r\n/);
  const younger = await Client.connect(running);
  await younger.until(/\r\n/);
  const next = await (await Client.connect(running)).login();
  expect(await oldest.rest()).toBe("");
  for (const client of [reader, younger, next]) {
    expect(await client.command("a1", "NOOP")).toBe("a1 OK completed\r\n");
    client.close();
  }
});

test.each([
  ["half a command", "a1 LOG"],
  ["half a literal", "a1 LOGIN {10}\r\nann"],
  ["a literal that was announced and never sent", "a1 LOGIN {3+}\r\n"],
  ["half a SASL exchange", "a1 AUTHENTICATE SCRAM-SHA-256\r\n"],
])("%s, and then nothing, ends with the connection", async (_what, text) => {
  const running = await serve(undefined, { limits: { loginTimeout: 40 } });
  const client = await Client.connect(running);
  client.send(text);
  await client.rest();
});

test("a literal that was announced after login and never sent ends with the connection, in APPEND too", async () => {
  for (const text of ["a1 SELECT {5}\r\n", "a1 APPEND INBOX {100}\r\nhalf", "a1 APPEND INBOX {1000000+}\r\n"]) {
    const store = new MemoryStore();
    const running = await serve(store, { limits: { idleTimeout: 40 } });
    const client = await (await Client.connect(running)).login();
    client.send(text);
    await client.rest();
    expect(store.mailbox("INBOX")?.uids()).toEqual([]);
  }
});

test("a literal of 1 GB is refused before it is sent, and one that does not wait for that ends the connection", async () => {
  const running = await serve();
  const client = await (await Client.connect(running)).login();
  expect(await client.command("a1", "APPEND INBOX {1073741824}")).toMatch(/^a1 NO \[TOOBIG\]/);
  expect(await client.command("a2", "LIST {1073741824} *")).toMatch(/^a2 (?:NO|BAD) /);
  expect(await client.command("a3", "NOOP")).toBe("a3 OK completed\r\n");
  client.send("a4 APPEND INBOX {1073741824+}\r\nx");
  await client.rest();
});

test.each(["before", "after"])("a line of 10 MB %s login ends its connection, and no other", async (when) => {
  const running = await serve();
  const other = await (await Client.connect(running)).login();
  const client = await Client.connect(running);
  if (when === "before") await client.until(/\r\n/);
  else await client.login();
  client.send(`a1 NOOP ${"x".repeat(10_000_000)}`);
  await client.rest();
  expect(await other.command("a1", "NOOP")).toBe("a1 OK completed\r\n");
  other.close();
});

test("parentheses without end are refused, and the session goes on", async () => {
  const client = await (await Client.connect(await serve())).login();
  await client.command("a1", "SELECT INBOX");
  const open = "(".repeat(60_000);
  for (const command of [
    `SEARCH ${open}`,
    `SEARCH ${"NOT ".repeat(30_000)}ALL`,
    `SEARCH ${"OR ".repeat(40_000)}`,
    `FETCH 1 ${open}`,
    `STORE 1 FLAGS ${open}`,
    `STATUS INBOX ${open}`,
    `LIST ${open}`,
    `ID ${open}`,
    `SORT ${open}`,
  ])
    expect(await client.command("a2", command)).toMatch(/^a2 (?:BAD|NO) /);
  expect(await client.command("a3", "NOOP")).toBe("a3 OK completed\r\n");
  client.close();
});

test("a client that never reads makes a large FETCH wait: only so much is read from the store", async () => {
  const store = new MemoryStore();
  const inbox = store.mailbox("INBOX");
  if (inbox === undefined) throw new Error("no INBOX");
  const message = `Subject: large\r\n\r\n${"0123456789abcde\n".repeat(64 * 1024)}`;
  for (let i = 0; i < 40; i++) inbox.put(message);
  let given = 0;
  const read = inbox.read.bind(inbox);
  let gaveUp: () => void = () => undefined;
  const givenUp = new Promise<void>((resolve) => {
    gaveUp = resolve;
  });
  inbox.read = async function* (...args) {
    let whole = false;
    try {
      for await (const piece of read(...args)) {
        given += piece.length;
        yield piece;
      }
      whole = true;
    } finally {
      if (!whole) gaveUp();
    }
  };
  const running = await serve(store, { limits: { stalledTimeout: 100 } });
  const client = await (await Client.connect(running)).login();
  const other = await (await Client.connect(running)).login();
  await client.command("a1", "SELECT INBOX");
  client.pause();
  client.send("a2 FETCH 1:* BODY.PEEK[]\r\n");
  await other.command("a1", "NOOP");
  await givenUp;
  expect(given).toBeGreaterThan(0);
  expect(given).toBeLessThan(30 * message.length);
  expect(await other.command("a2", "NOOP")).toBe("a2 OK completed\r\n");
  other.close();
  client.close();
});

test("passwords that are guessed with SCRAM are slowed, counted and logged without user and password, like others", async () => {
  const delays: number[] = [];
  const logged: string[] = [];
  const running = await startImapServer({
    host: "127.0.0.1",
    port: 0,
    plaintextLogin: true,
    authenticator: new MemoryStore().authenticator("ann", "secret"),
    limits: { loginFailures: 3 },
    logger: (level, event, details) => logged.push(`${level} ${event} ${JSON.stringify(details)}`),
    clock: {
      now: () => 0,
      after(delay, callback) {
        if (delay > 10_000) return () => undefined;
        delays.push(delay);
        setImmediate(callback);
        return () => undefined;
      },
    },
  });
  const client = await Client.connect(running);
  await client.until(/\r\n/);
  const scram = new ScramClient({ user: "ann", password: "hunter2" });
  for (let i = 0; i < 3; i++) {
    client.send(`a1 AUTHENTICATE SCRAM-SHA-256 ${Buffer.from(scram.first).toString("base64")}\r\n`);
    const first = Buffer.from((await client.until(/\r\n/)).slice(2), "base64").toString();
    client.send(`${Buffer.from(scram.final(first)).toString("base64")}\r\n`);
    expect(await client.until(/\r\n/)).toMatch(/^a1 NO \[AUTHENTICATIONFAILED\]/);
  }
  await client.rest();
  expect(delays.slice(0, 3)).toEqual([250, 500, 1000]);
  expect(logged.filter((line) => line.startsWith("warn imap.login-failed"))).toHaveLength(3);
  expect(logged.join()).not.toMatch(/hunter2|ann/);
  await running.stop();
});

test("a TLS hello where TLS is not spoken is answered with BAD and ended, not carried out", async () => {
  const running = await serve();
  const client = await Client.connect(running);
  await client.until(/\r\n/);
  client.send(`\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"\x00\n".repeat(30)}`);
  expect(await client.rest()).toMatch(/^(?:\* BAD [^\r]*\r\n)+\* BYE too many errors\r\n$/);
});

test("commands in plain where TLS is spoken from the start are not answered", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  const running = await startImapServer({
    host: "127.0.0.1",
    port: 0,
    mode: "implicit",
    tls: { key, cert: await selfSignedCertificate(privateKey) },
    authenticator: new MemoryStore().authenticator("ann", "secret"),
  });
  const client = await Client.connect(running);
  client.send("a1 LOGIN ann secret\r\n");
  expect(await client.rest()).not.toContain("a1");
  await running.stop();
});

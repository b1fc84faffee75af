import { generateKeyPairSync } from "node:crypto";
import { createConnection, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { type Clock, systemClock } from "../../foundation/clock.ts";
import {
  type ImapServerOptions,
  type RunningImapServer,
  startImapServer,
  type TlsCredentials,
} from "../../imap-front/server.ts";
import { selfSignedCertificate } from "../../relay/certificate.ts";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";

let tls: TlsCredentials;
let server: RunningImapServer | undefined;

async function credentials(): Promise<TlsCredentials> {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  return { key, cert: await selfSignedCertificate(privateKey) };
}

beforeAll(async () => {
  tls = await credentials();
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await stopServers();
});

async function start(options: Partial<ImapServerOptions> = {}): Promise<RunningImapServer> {
  const authenticator = new MemoryStore().authenticator("ann", "secret");
  const limits = { tlsDetection: 60, ...options.limits };
  server = await startImapServer({ host: "127.0.0.1", port: 0, tls, authenticator, ...options, limits });
  return server;
}

async function overTls({ port, host }: RunningImapServer, socket?: Socket): Promise<[Client, TLSSocket]> {
  const stream = connectTls({ ...(socket ? { socket } : { port, host }), rejectUnauthorized: false });
  await new Promise((resolve, reject) => {
    stream.once("secureConnect", resolve);
    stream.once("error", reject);
  });
  return [new Client(stream), stream];
}

test("one port takes a TLS hello and a plain connection with STARTTLS", async () => {
  const { port, host } = await start();
  const [implicit] = await overTls({ port, host } as RunningImapServer);
  expect(await implicit.until(/\r\n/)).toContain("AUTH=PLAIN] ");
  expect(await implicit.command("a1", "LOGIN ann secret")).toContain("a1 OK");

  const socket = createConnection(port, host);
  const plain = new Client(socket);
  const greeting = await plain.until(/\r\n/);
  expect(greeting).toContain(" STARTTLS LOGINDISABLED]");
  expect(greeting).not.toContain("AUTH=");
  expect(await plain.command("a1", "LOGIN ann secret")).toBe("a1 NO [PRIVACYREQUIRED] start TLS first\r\n");
  expect(await plain.command("a2", "AUTHENTICATE PLAIN AGFubgBzZWNyZXQ=")).toContain("[PRIVACYREQUIRED]");
  expect(await plain.command("a3", "STARTTLS")).toContain("a3 OK");
  socket.removeAllListeners("data");
  const [secure] = await overTls({ port, host } as RunningImapServer, socket);
  expect(await secure.command("a4", "CAPABILITY")).toContain("AUTH=PLAIN\r\n");
  expect(await secure.command("a5", "STARTTLS")).toContain("a5 BAD");
  expect(await secure.command("a6", "LOGIN ann secret")).toContain("a6 OK");
  implicit.close();
  secure.close();
});

test("a command that was slipped in behind STARTTLS is never carried out (RFC 9051 section 11.1)", async () => {
  const running = await start();
  const socket = createConnection(running.port, running.host);
  const plain = new Client(socket);
  await plain.until(/\r\n/);
  plain.send("a1 STARTTLS\r\na2 CAPABILITY\r\n");
  await plain.until(/a1 OK[^\r]*\r\n/);
  socket.removeAllListeners("data");
  const [secure] = await overTls(running, socket);
  expect(await secure.command("a3", "NOOP")).toBe("a3 OK completed\r\n");
  secure.close();
});

test("another certificate counts for connections from then on", async () => {
  const running = await start({ mode: "implicit" });
  const [first, before] = await overTls(running);
  const other = await credentials();
  running.setTls(other);
  const [second, after] = await overTls(running);
  expect(after.getPeerCertificate().fingerprint256).not.toBe(before.getPeerCertificate().fingerprint256);
  first.close();
  second.close();
});

test("a TLS handshake that fails closes the connection and nothing else", async () => {
  const running = await start();
  const socket = createConnection(running.port, running.host);
  socket.on("error", () => undefined);
  socket.resume();
  socket.write(Buffer.from([0x16, 3, 1, 0, 5, 9, 9, 9, 9, 9]));
  await new Promise((resolve) => socket.once("close", resolve));
  const [client] = await overTls(running);
  expect(await client.until(/\r\n/)).toContain("* OK");
  client.close();
});

test.each(["GET / HTTP/1.1", "POST /a1 HTTP/1.1", "PRI * HTTP/2.0"])(
  "a request of HTTP is not answered: %s",
  async (line) => {
    const client = await Client.connect(await serve());
    await client.until(/\r\n/);
    client.send(`${line}\r\nHost: localhost\r\n\r\na1 LOGIN ann secret\r\n`);
    expect(await client.rest()).toBe("");
  },
);

test("wrong passwords are answered later each time, and the connection ends after some", async () => {
  const delays: number[] = [];
  const clock: Clock = {
    now: () => 0,
    after(delay, callback) {
      if (delay > 10_000) return systemClock.after(delay, callback);
      delays.push(delay);
      return systemClock.after(0, callback);
    },
  };
  const logged: string[] = [];
  const running = await start({
    clock,
    plaintextLogin: true,
    mode: "starttls",
    limits: { loginFailures: 4 },
    logger: (level, event, details) => logged.push(`${level} ${event} ${JSON.stringify(details)}`),
  });
  const client = await Client.connect(running);
  await client.until(/\r\n/);
  for (let i = 0; i < 3; i++)
    expect(await client.command(`a${i}`, "LOGIN ann hunter2")).toContain("NO [AUTHENTICATIONFAILED]");
  client.send("a4 LOGIN ann hunter2\r\n");
  expect(await client.rest()).toContain("a4 NO [AUTHENTICATIONFAILED]");
  expect(delays.slice(0, 4)).toEqual([250, 500, 1000, 2000]);
  expect(logged.filter((line) => line.startsWith("warn imap.login-failed"))).toHaveLength(4);
  expect(logged.join()).not.toMatch(/hunter2|ann/);
});

test("many connections that guess passwords are turned away, and are not counted as logins", async () => {
  const waiting: (() => void)[] = [];
  const clock: Clock = {
    now: () => 0,
    after: (_delay, callback) => {
      waiting.push(callback);
      return () => undefined;
    },
  };
  const running = await start({ clock, plaintextLogin: true, mode: "starttls" });
  const clients = await Promise.all(Array.from({ length: 17 }, () => Client.connect(running)));
  await Promise.all(clients.map((client) => client.until(/\r\n/)));
  for (const client of clients) client.send("a1 LOGIN ann wrong\r\n");
  const first = await Promise.race(clients.map((client) => client.until(/a1 [^\r]*\r\n/)));
  expect(first).toContain("a1 NO [LIMIT]");
  for (const client of clients) client.close();
  for (const callback of waiting) callback();
});

test("lines and literals above the bounds are refused, and the session goes on", async () => {
  const client = await Client.connect(await serve(undefined, { limits: { lineOctets: 1000, literalOctets: 100 } }));
  await client.login();
  expect(await client.command("a1", `NOOP ${"x".repeat(2000)}`)).toBe("a1 BAD [TOOBIG] the line is too long\r\n");
  expect(await client.command("a2", "SELECT {101}")).toBe("a2 NO [TOOBIG] the command is too long\r\n");
  client.send(`a3 SELECT {101+}\r\n${"x".repeat(101)}\r\na4 NOOP\r\n`);
  expect(await client.until(/a4 OK[^\r]*\r\n/)).toBe("a3 NO [TOOBIG] the command is too long\r\na4 OK completed\r\n");
  client.send("a5 SEARCH {9999999999+}\r\n");
  await client.rest();
});

test("a connection that only sends nonsense is shown out", async () => {
  const client = await Client.connect(await serve());
  client.send("nonsense\r\n".repeat(30));
  expect(await client.rest()).toMatch(/\* BYE too many errors\r\n$/);
});

test("more connections than the bound are told BYE, where all the others are logged in", async () => {
  const running = await serve(undefined, { limits: { connections: 2 } });
  const first = await (await Client.connect(running)).login();
  const second = await (await Client.connect(running)).login();
  const third = await Client.connect(running);
  expect(await third.rest()).toBe("* BYE too many connections\r\n");
  first.close();
  second.close();
});

test("a session that says nothing is ended with BYE", async () => {
  const running = await serve(undefined, { limits: { loginTimeout: 30 } });
  const client = await Client.connect(running);
  expect(await client.rest()).toMatch(/\* BYE no command for too long\r\n$/);
});

test("a client that vanishes from a search is no error", async () => {
  const store = new MemoryStore();
  const logged: string[] = [];
  const running = await serve(store, { logger: (level, event) => logged.push(`${level} ${event}`) });
  const mailbox = store.mailbox("INBOX");
  if (mailbox === undefined) throw new Error("no INBOX");
  mailbox.put("Subject: x\r\n\r\ny");
  let begun: () => void = () => undefined;
  const searching = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const ended = new Promise<void>((resolve) => {
    mailbox.searchText = (_where, _needle, _uids, signal) => {
      begun();
      return new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => {
          reject(new Error("aborted"));
          resolve();
        });
      });
    };
  });
  const client = await (await Client.connect(running)).login();
  await client.command("a1", "SELECT INBOX");
  client.send("a2 SEARCH TEXT y\r\n");
  await searching;
  client.close();
  await ended;
  await stopServers();
  expect(logged).toEqual(["info imap.login"]);
});

test("a stopping server says BYE to those who wait", async () => {
  const running = await serve();
  const client = await (await Client.connect(running)).login();
  await client.command("a1", "SELECT INBOX");
  client.send("a2 IDLE\r\n");
  await client.until(/\+ idling\r\n/);
  const stopped = running.stop();
  expect(await client.rest()).toBe("* BYE the server is shutting down\r\n");
  await stopped;
});

test("a port that is taken stops the start", async () => {
  const running = await start();
  await expect(
    startImapServer({ host: "127.0.0.1", port: running.port, authenticator: { login: async () => undefined } }),
  ).rejects.toThrow("EADDRINUSE");
});

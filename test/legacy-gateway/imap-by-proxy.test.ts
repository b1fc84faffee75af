import { createHash, X509Certificate } from "node:crypto";
import dns from "node:dns";
import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { createServer, type Server } from "node:tls";
import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import type { Trust } from "../../legacy-gateway/accounts/account.ts";
import { openImap } from "../../legacy-gateway/provider/imap-connection.ts";
import { knowPinned } from "../../legacy-gateway/provider/look-at-certificate.ts";
import { TestProxy } from "../overlay-adapter/socks-proxy.ts";
import { TEST_TLS } from "../smtp-front/certificate.ts";
import { ScriptedServer } from "./scripted-server.ts";

const HOST = "mail.example.onion";
const PIN = createHash("sha256").update(new X509Certificate(TEST_TLS.cert).raw).digest("hex");

let imap: ScriptedServer;
let tls: Server;
let proxy: TestProxy;
beforeEach(async () => {
  imap = await ScriptedServer.start();
  const { port } = imap.settings("ann@old.example").imap;
  tls = createServer({ ...TEST_TLS }, (socket) => {
    const inner = connect(port, "127.0.0.1");
    for (const one of [socket, inner]) one.on("error", () => [socket, inner].map((each) => each.destroy()));
    socket.pipe(inner).pipe(socket);
  });
  tls.on("tlsClientError", () => undefined);
  await once(tls.listen(0, "127.0.0.1"), "listening");
  proxy = await new TestProxy().start();
});
afterEach(async () => {
  await proxy.stop();
  imap.cut();
  await Promise.all([imap.stop(), new Promise((resolve) => tls.close(resolve))]);
  jest.restoreAllMocks();
});

async function connected(trust: Trust, isolation = "account 1") {
  const server = { host: HOST, port: (tls.address() as AddressInfo).port, security: "tls" as const, ...trust };
  const options = { isolation, proxy: proxy.address };
  const login = async () => ({ user: "ann", password: "secret" });
  return await openImap({ ...options, server: await knowPinned("imap", server, options), login });
}

test("letters are fetched through a SOCKS proxy that alone learns the name, with a circuit for each account", async () => {
  const lookups = jest.spyOn(dns, "lookup");
  imap.letters.set(3, "Subject: from afar\r\n\r\nhello\r\n");
  const client = await connected({ pin: PIN });
  await client.mailboxOpen("INBOX");
  const { source } = (await client.fetchOne("3", { source: true }, { uid: true })) || {};
  expect(source?.toString()).toContain("from afar");
  (await connected({ pin: PIN }, "account 2")).close();
  client.close();
  expect(new Set(proxy.asked.map(({ host }) => host))).toEqual(new Set([HOST]));
  const users = new Set(proxy.asked.map(({ user }) => user));
  expect(users.size).toBe(2);
  for (const user of users) expect(user).not.toMatch(/ann|account/);
  expect(lookups.mock.calls.map(([name]) => name)).not.toContain(HOST);
});

test("a certificate for another name is refused there too, and a proxy that is gone is not gone around", async () => {
  await expect(connected({ ca: TEST_TLS.cert })).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining(`not for ${HOST}`),
  });
  const before = imap.connections;
  await proxy.stop();
  await expect(connected({ pin: PIN })).rejects.toMatchObject({ code: "unavailable" });
  expect(imap.connections).toBe(before);
});

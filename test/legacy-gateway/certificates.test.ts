import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { SMTPServer } from "smtp-server";
import type { SocksProxy } from "../../foundation/proxy-url.ts";
import type { Security, Trust } from "../../legacy-gateway/accounts/account.ts";
import { knowPinned } from "../../legacy-gateway/provider/look-at-certificate.ts";
import { SmtpSession } from "../../legacy-gateway/provider/smtp-connection.ts";
import { TestProxy } from "../overlay-adapter/socks-proxy.ts";
import { TEST_TLS } from "../smtp-front/certificate.ts";

/** The certificate is for localhost and 127.0.0.1. */
const [RIGHT, WRONG] = ["127.0.0.1", "127.0.0.2"];
const PIN = createHash("sha256").update(new X509Certificate(TEST_TLS.cert).raw).digest("hex");

let servers: Record<"tls" | "starttls", SMTPServer>;

/** A submission server on all addresses of loopback, and its port. */
async function listen(secure: boolean): Promise<SMTPServer> {
  const server = new SMTPServer({
    ...TEST_TLS,
    secure,
    onAuth: (_auth, _session, callback) => callback(null, { user: "ann" }),
  });
  server.on("error", () => undefined);
  await once(server.listen(0, "0.0.0.0"), "listening");
  return server;
}

beforeEach(async () => {
  servers = { tls: await listen(true), starttls: await listen(false) };
});
afterEach(async () => {
  for (const server of Object.values(servers)) await new Promise<void>((resolve) => server.close(() => resolve()));
});

async function open(security: "tls" | "starttls", host: string, trust: Trust, proxy?: SocksProxy): Promise<void> {
  const address = servers[security].server.address();
  const port = address === null || typeof address === "string" ? 0 : address.port;
  const server = { host, port, security: security satisfies Security, ...trust };
  const login = async () => ({ user: "ann", password: "secret" });
  const known = await knowPinned("smtp", server, { isolation: "ann", proxy });
  (await SmtpSession.open({ server: known, login, isolation: "ann", proxy })).close();
}

test.each(["tls", "starttls"] as const)(
  "by %s a server is trusted by its authority, or by the one certificate that is pinned",
  async (way) => {
    await open(way, RIGHT, { ca: TEST_TLS.cert });
    await open(way, RIGHT, { pin: PIN });
    // The pinned certificate counts, whatever name it has.
    await open(way, WRONG, { pin: PIN });
  },
);

test.each(["tls", "starttls"] as const)(
  "by %s a certificate for another name is refused, with both names and what to do",
  async (way) => {
    await expect(open(way, WRONG, { ca: TEST_TLS.cert })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringMatching(
        new RegExp(
          `certificate that is for localhost, 127\\.0\\.0\\.1, not for 127\\.0\\.0\\.2, so nothing was sent: .*--smtp-pin ${PIN}`,
        ),
      ),
    });
  },
);

test.each(["tls", "starttls"] as const)(
  "by %s an unknown authority and another certificate than the pinned one are refused",
  async (way) => {
    await expect(open(way, RIGHT, {})).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("no authority that this machine trusts"),
    });
    await expect(open(way, RIGHT, { pin: "0".repeat(64) })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringContaining("another certificate"),
    });
  },
);

test.each(["tls", "starttls"] as const)(
  "by %s through a SOCKS proxy a name stays a name, and a pin is known by the same way",
  async (way) => {
    const proxy = await new TestProxy().start();
    await open(way, "mail.example.onion", { pin: PIN }, proxy.address);
    await expect(open(way, "mail.example.onion", { ca: TEST_TLS.cert }, proxy.address)).rejects.toMatchObject({
      message: expect.stringContaining("not for mail.example.onion"),
    });
    expect(new Set(proxy.asked.map(({ host }) => host))).toEqual(new Set(["mail.example.onion"]));
    // The proxy learns nothing of who the user is, and the same each time.
    expect(new Set(proxy.asked.map(({ user }) => user)).size).toBe(1);
    expect(proxy.asked[0]?.user).not.toContain("ann");
    await proxy.stop();
  },
);

test("a proxy that is not there is said to be, and nothing goes around it", async () => {
  const proxy = await new TestProxy().start();
  await proxy.stop();
  await expect(open("tls", RIGHT, { ca: TEST_TLS.cert }, proxy.address)).rejects.toMatchObject({
    code: "unavailable",
    message: expect.stringContaining("Nothing is sent around it"),
  });
});

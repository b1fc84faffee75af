import { createHash, generateKeyPairSync } from "node:crypto";
import { createConnection } from "node:net";
import { connect as connectTls, type SecureVersion, type TLSSocket } from "node:tls";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import fc from "fast-check";
import { Failure } from "../../foundation/failure.ts";
import { type RunningImapServer, startImapServer, type TlsCredentials } from "../../imap-front/server.ts";
import { selfSignedCertificate } from "../../relay/certificate.ts";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";
import { ScramClient, type ScramClientOptions } from "./scram-client.ts";

let tls: TlsCredentials;
let server: RunningImapServer | undefined;

beforeAll(async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
  tls = { key, cert: await selfSignedCertificate(privateKey) };
});

afterEach(async () => {
  await server?.stop();
  server = undefined;
  await stopServers();
});

const encode = (text: string | Uint8Array) => Buffer.from(text as string).toString("base64");
const decode = (text: string) => Buffer.from(text, "base64").toString();

type Mechanism = "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS";

/** Logs in; `change` may spoil the last message. Gives back the tagged line. */
async function authenticate(
  client: Client,
  scram: ScramClient,
  mechanism: Mechanism = "SCRAM-SHA-256",
  change: (final: Buffer) => Uint8Array = (final) => final,
): Promise<string> {
  client.send(`a1 AUTHENTICATE ${mechanism} ${encode(scram.first)}\r\n`);
  const first = await client.until(/^[^\n]*\n/);
  if (!first.startsWith("+ ")) return first;
  client.send(`${encode(change(Buffer.from(scram.final(decode(first.slice(2))))))}\r\n`);
  const last = await client.until(/^[^\n]*\n/);
  if (!last.startsWith("+ ")) return last;
  if (!scram.trusts(decode(last.slice(2)))) return "the server does not know the password";
  client.send("\r\n");
  return await client.until(/^[^\n]*\n/);
}

async function connectedOverTls(maxVersion: SecureVersion = "TLSv1.3"): Promise<[Client, TLSSocket]> {
  server ??= await startImapServer({
    host: "127.0.0.1",
    port: 0,
    tls,
    authenticator: new MemoryStore().authenticator("ann", "secret"),
    limits: { tlsDetection: 60 },
  });
  const stream = connectTls({ port: server.port, host: server.host, rejectUnauthorized: false, maxVersion });
  await new Promise((resolve, reject) => {
    stream.once("secureConnect", resolve);
    stream.once("error", reject);
  });
  const client = new Client(stream);
  expect(await client.until(/^[^\n]*\n/)).toContain("AUTH=SCRAM-SHA-256-PLUS AUTH=SCRAM-SHA-256 AUTH=PLAIN]");
  return [client, stream];
}

const exporter = (stream: TLSSocket) => stream.exportKeyingMaterial(32, "EXPORTER-Channel-Binding", Buffer.alloc(0));
const endPoint = (stream: TLSSocket) => createHash("sha256").update(stream.getPeerCertificate().raw).digest();

test("the exchange of RFC 7677 section 3 is spoken to the letter", async () => {
  const store = new MemoryStore();
  const client = await Client.connect(await serve(store, { authenticator: store.authenticator("user", "pencil") }));
  await client.until(/^[^\n]*\n/);
  client.send(`a1 AUTHENTICATE SCRAM-SHA-256 ${encode("n,,n=user,r=rOprNGfwEbeRWgbNEkqO")}\r\n`);
  const nonce = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  expect(await client.until(/\r\n/)).toBe(`+ ${encode(`${nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096`)}\r\n`);
  client.send(`${encode(`c=biws,${nonce},p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=`)}\r\n`);
  expect(await client.until(/\r\n/)).toBe(`+ ${encode("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")}\r\n`);
  client.send("\r\n");
  expect(await client.until(/\r\n/)).toMatch(/^a1 OK \[CAPABILITY .*\] AUTHENTICATE completed\r\n$/);
  client.close();
});

test.each([
  ["tls-exporter", exporter, "TLSv1.3"],
  ["tls-server-end-point", endPoint, "TLSv1.3"],
  ["tls-server-end-point", endPoint, "TLSv1.2"],
] as const)("a login is bound to its TLS connection by %s", async (type, octets, version) => {
  const [client, stream] = await connectedOverTls(version);
  const scram = new ScramClient({
    user: "ann",
    password: "secret",
    gs2Header: `p=${type},,`,
    binding: octets(stream),
  });
  expect(await authenticate(client, scram, "SCRAM-SHA-256-PLUS")).toMatch(/^a1 OK /);
  client.close();
});

test("a login that is bound to one connection is worth nothing in another (RFC 5802 section 6)", async () => {
  const [, other] = await connectedOverTls();
  const [client] = await connectedOverTls();
  const binding = exporter(other);
  const scram = new ScramClient({ user: "ann", password: "secret", gs2Header: "p=tls-exporter,,", binding });
  expect(await authenticate(client, scram, "SCRAM-SHA-256-PLUS")).toMatch(
    /^a1 NO \[AUTHENTICATIONFAILED\] .*\(channel-bindings-dont-match\)\r\n$/,
  );
  client.close();
  other.destroy();
});

test.each<[string, string, Mechanism]>([
  ["server-does-support-channel-binding", "y,,", "SCRAM-SHA-256"],
  ["channel-binding-not-supported", "p=tls-exporter,,", "SCRAM-SHA-256"],
  ["server-does-support-channel-binding", "y,,", "SCRAM-SHA-256-PLUS"],
  ["channel-bindings-dont-match", "n,,", "SCRAM-SHA-256-PLUS"],
  ["unsupported-channel-binding-type", "p=tls-unique,,", "SCRAM-SHA-256-PLUS"],
])("over TLS %s is the answer to %s with %s", async (reason, gs2Header, mechanism) => {
  const [client] = await connectedOverTls();
  const answer = await authenticate(client, new ScramClient({ user: "ann", password: "secret", gs2Header }), mechanism);
  expect(answer).toMatch(/^a1 NO \[AUTHENTICATIONFAILED\] /);
  expect(answer).toContain(`(${reason})`);
  client.close();
});

test("tls-exporter is not to be had in TLS 1.2, where it would need more than RFC 9266 gives it", async () => {
  const [client] = await connectedOverTls("TLSv1.2");
  const scram = new ScramClient({ user: "ann", password: "secret", gs2Header: "p=tls-exporter,," });
  expect(await authenticate(client, scram, "SCRAM-SHA-256-PLUS")).toContain("(unsupported-channel-binding-type)");
  client.close();
});

test("before TLS SCRAM is neither offered nor taken: the mail that follows would be in the clear", async () => {
  const [first] = await connectedOverTls();
  first.close();
  const running = server as RunningImapServer;
  const client = new Client(createConnection(running.port, running.host));
  expect(await client.until(/\r\n/)).toContain(" LOGINDISABLED]");
  for (const mechanism of ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"])
    expect(await client.command("a1", `AUTHENTICATE ${mechanism}`)).toMatch(/^a1 NO \[PRIVACYREQUIRED\]/);
  client.close();
});

test("who is unknown gets the same salt, iterations and answer as a wrong password", async () => {
  const running = await serve();
  const say = async (options: ScramClientOptions) => {
    const client = await Client.connect(running);
    await client.until(/\r\n/);
    const scram = new ScramClient(options);
    client.send(`a1 AUTHENTICATE SCRAM-SHA-256 ${encode(scram.first)}\r\n`);
    const first = await client.until(/\r\n/);
    client.send(`${encode(scram.final(decode(first.slice(2))))}\r\n`);
    const second = await client.until(/\r\n/);
    client.close();
    return [first, second];
  };
  expect(await say({ user: "nobody", password: "secret" })).toEqual(await say({ user: "ann", password: "wrong" }));
});

test("the server's part of the nonce is another each time", async () => {
  const seen = new Set<string>();
  for (let i = 0; i < 3; i++) {
    const [client] = await connectedOverTls();
    client.send(`a1 AUTHENTICATE SCRAM-SHA-256 ${encode("n,,n=ann,r=always")}\r\n`);
    seen.add(/^r=always([A-Za-z0-9+/]{24}),/.exec(decode((await client.until(/\r\n/)).slice(2)))?.[1] ?? "");
    client.close();
  }
  expect(seen.size).toBe(3);
  expect(seen).not.toContain("");
});

/** One session that may try as often as it likes. */
async function tries(attempt: (client: Client) => Promise<void>): Promise<void> {
  const store = new MemoryStore();
  const { scram } = store.authenticator("ann", "secret");
  if (scram === undefined) throw new Error("no SCRAM");
  // A failure is told as the store's own: it costs no penalty, and is told apart from a login all the same.
  const strict = {
    login: async () => undefined,
    scram: {
      ...scram,
      login: async (...args: Parameters<typeof scram.login>) =>
        (await scram.login(...args)) ?? Promise.reject(new Failure("unavailable", "wrong")),
    },
  };
  const running = await serve(store, { authenticator: strict, limits: { loginFailures: Number.POSITIVE_INFINITY } });
  const client = await Client.connect(running);
  await client.until(/\r\n/);
  await attempt(client);
  client.close();
}

test("a wrong password never logs in", async () => {
  await tries(async (client) => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "binary" }).filter((text) => text !== "secret"),
        async (password) => {
          expect(await authenticate(client, new ScramClient({ user: "ann", password }))).toMatch(/^a1 NO /);
        },
      ),
      { numRuns: 50 },
    );
  });
});

test("a flipped bit in the last message never logs in", async () => {
  await tries(async (client) => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (at) => {
        const scram = new ScramClient({ user: "ann", password: "secret" });
        const answer = await authenticate(client, scram, "SCRAM-SHA-256", (final) => {
          const bit = at % (final.length * 8);
          const octets = Uint8Array.from(final);
          octets[bit >> 3] = (octets[bit >> 3] ?? 0) ^ (1 << (bit & 7));
          return octets;
        });
        expect(answer).toMatch(/^a1 NO /);
      }),
      { numRuns: 300 },
    );
  });
});

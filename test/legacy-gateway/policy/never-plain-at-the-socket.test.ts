import { connect, createServer, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { type PrivateKey, readMessage, revokeKey } from "openpgp";
import { POLICIES } from "../../../legacy-gateway/policy/decide.ts";
import { append, box } from "../../maildir/home.ts";
import { times } from "../../slow/thorough.ts";
import { ANN, SomeGateway, untilThere } from "../openpgp/some-gateway.ts";
import { DAY, NOW, someKey } from "../openpgp/some-keys.ts";
import { SomeProvider } from "../some-provider.ts";
import { reply, SomeSubmissionServer } from "../some-submission-server.ts";

/** Of another account, which has no key. */
const BARE = "bare@old.example";
const CASES = times(1_000);

const recipient = fc.record({
  own: fc.option(fc.constantFrom(...POLICIES), { nil: undefined }),
  key: fc.constantFrom(
    "imported",
    "autocrypt",
    "reluctant",
    "gossip",
    "changed",
    "none",
    "expired",
    "revoked",
    "damaged",
  ),
  sentEncrypted: fc.boolean(),
  plainConfirmed: fc.boolean(),
  hidden: fc.boolean(),
});

const sending = fc.record({
  plain: fc.constantFrom("allowed" as const, "refused" as const),
  recipients: fc.array(recipient, { minLength: 1, maxLength: 3 }),
  hasOwnKey: fc.constantFrom(true, true, true, false),
  answersEncrypted: fc.constantFrom(false, false, false, true),
  signPlain: fc.boolean(),
  failure: fc.constantFrom("none", "none", "rcpt 550", "rcpt 450", "data 554", "data 452", "cut"),
  shape: fc.constantFrom("text", "eight bits", "attachment"),
});

type Sending = typeof sending extends fc.Arbitrary<infer T> ? T : never;

/** Whether the user's words forbid the clear, said otherwise than in the code that is tested. */
function plainIsForbidden({ plain, recipients, answersEncrypted }: Sending): boolean {
  return (
    answersEncrypted ||
    recipients.some(({ own, sentEncrypted, plainConfirmed }) => {
      if (own === "overlay-only" || own === "encrypt-or-refuse") return true;
      if (own === undefined && (plain === "refused" || sentEncrypted)) return true;
      return own !== "plain-allowed" && !plainConfirmed;
    })
  );
}

/** Stands between the gateway and a server, and keeps every octet that the gateway sends. */
class Tap {
  /** Ends the next connection as soon as it has sent some of a letter. */
  cut = false;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #sent: Buffer[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async before(target: number): Promise<Tap> {
    const server = createServer();
    const tap = new Tap(server);
    server.on("connection", (here) => tap.#join(here, connect(target, "127.0.0.1")));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return tap;
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === "string" ? 0 : address.port;
  }

  /** What was sent since it was asked last, as latin1. */
  take(): string {
    const sent = Buffer.concat(this.#sent).toString("latin1");
    this.#sent = [];
    return sent;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(here: Socket, there: Socket): void {
    let inLetter = false;
    for (const socket of [here, there]) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => {
        this.#sockets.delete(socket);
        here.destroy();
        there.destroy();
      });
    }
    here.on("data", (chunk: Buffer) => {
      this.#sent.push(chunk);
      there.write(chunk);
      if (this.cut && inLetter) {
        this.cut = false;
        here.destroy();
      }
      inLetter = /(?:^|\r\n)DATA\r\n$/.test(chunk.toString("latin1"));
    });
    there.on("data", (chunk: Buffer) => here.write(chunk));
  }
}

/** Whether the text is in there, as it is or in base64. */
function holds(sent: string, text: string): boolean {
  const inBase64 = [0, 1, 2].map((shift) =>
    Buffer.from(" ".repeat(shift) + text)
      .toString("base64")
      .slice(shift === 0 ? 0 : 4)
      .replace(/.{0,4}$/, ""),
  );
  const joined = sent.replace(/\r\n/g, "");
  return sent.includes(text) || inBase64.some((one) => joined.includes(one));
}

let now = NOW;
let provider: SomeProvider;
let server: SomeSubmissionServer;
let toImap: Tap;
let toSmtp: Tap;
let ann: SomeGateway;
/** The first is everybody's, the second the one that an address has all of a sudden. */
let theirs: readonly [PrivateKey, PrivateKey];
const fingerprints = new Map<string, string>();

beforeAll(async () => {
  provider = await SomeProvider.start();
  server = await SomeSubmissionServer.start();
  [toImap, toSmtp] = [await Tap.before(provider.settings.imap.port), await Tap.before(server.port)];
  const clock = { now: () => now, after: () => () => undefined };
  const settings = { sentCopy: true };
  ann = await SomeGateway.start({ imapPort: toImap.port, smtpPort: toSmtp.port, settings, clock });
  await ann.book.make(ANN);
  const { accounts } = ann.gateway;
  accounts.add({ ...accounts.list()[0], address: BARE } as Parameters<typeof accounts.add>[0], {
    kind: "password",
    password: "secret",
  });
  ann.gateway.resume(BARE);
  theirs = [await someKey("everybody@friend.example"), await someKey("mallory@friend.example")];
  const short = await someKey("short@friend.example", { keyExpirationTime: (29 * DAY) / 1_000 });
  const gone = await revokeKey({
    key: await someKey("gone@friend.example"),
    date: new Date(NOW - DAY),
    format: "object",
  });
  const { store } = ann.keys;
  for (const [name, key] of [
    ["fit", theirs[0]],
    ["other", theirs[1]],
    ["expired", short],
    ["revoked", gone.publicKey],
  ] as const) {
    fingerprints.set(name, key.getFingerprint());
    store.storeCertificate({
      fingerprint: key.getFingerprint(),
      certificate: key.toPublic().write(),
      keyIds: key.getKeys().map((part) => part.getKeyID().toHex()),
    });
  }
  fingerprints.set("damaged", "0".repeat(40));
  store.storeCertificate({ fingerprint: "0".repeat(40), certificate: Buffer.alloc(40, 0xff), keyIds: [] });
}, 120_000);

afterAll(async () => {
  await ann?.stop();
  await toImap?.stop();
  await toSmtp?.stop();
  await server?.stop();
  await provider?.stop();
});

function know(address: string, { key, own, sentEncrypted, plainConfirmed }: Sending["recipients"][number]): void {
  const { store, policies } = ann.keys;
  const bind = (name: string, origin: Parameters<typeof store.bind>[2]) =>
    store.bind(address, fingerprints.get(name) ?? "", origin);
  if (key === "imported") bind("fit", "import");
  if (key === "autocrypt" || key === "reluctant" || key === "changed") bind("fit", "autocrypt");
  if (key === "changed") bind("other", "autocrypt");
  if (key === "gossip") bind("fit", "gossip");
  if (key === "expired" || key === "revoked" || key === "damaged") bind(key, "import");
  const seen = { lastSeen: now, autocryptTimestamp: now };
  const publicKey = fingerprints.get(key === "changed" ? "other" : "fit");
  const preferEncrypt = key === "autocrypt" ? "mutual" : "nopreference";
  const byAutocrypt = ["autocrypt", "reluctant", "changed"].includes(key) ? { ...seen, publicKey, preferEncrypt } : {};
  store.setPeerState(address, JSON.stringify({ ...byAutocrypt, ...(sentEncrypted && { sentEncrypted: now }) }));
  if (own !== undefined) policies.set(address, own);
  if (plainConfirmed) policies.confirmPlain(address);
}

function letter(
  one: Sending,
  { needle, from, visible, id }: Record<"needle" | "from" | "id", string> & { visible: string[] },
) {
  const head =
    `From: Ann <${from}>\r\nTo: ${visible.join(", ") || "undisclosed-recipients:;"}\r\nSubject: about ${needle}\r\n` +
    `${one.answersEncrypted ? `In-Reply-To: <${id}>\r\n` : ""}Comments: ${needle}\r\nBcc: x-${needle}@friend.example\r\nMIME-Version: 1.0\r\n`;
  const text = one.shape === "text" ? needle : `${needle}\r\nGr\xc3\xbc\xc3\x9fe\r\n-- `;
  if (one.shape !== "attachment") return `${head}Content-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n`;
  const file = Buffer.from(` ${needle} `.repeat(5)).toString("base64");
  return (
    `${head}Content-Type: multipart/mixed; boundary="m"\r\n\r\n--m\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${text}\r\n` +
    `--m\r\nContent-Type: application/octet-stream; name="${needle}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${file}\r\n--m--\r\n`
  );
}

function fail(failure: Sending["failure"]): void {
  const [where, code] = failure.split(" ");
  // Once: what comes back later finds the server well again.
  const once = (text: string) => () => {
    server.onRecipient = server.onData = () => undefined;
    throw reply(Number(code), text);
  };
  server.onRecipient = where === "rcpt" ? once("no such mailbox here") : () => undefined;
  server.onData = where === "data" ? once("not like this") : () => undefined;
  toSmtp.cut = where === "cut";
}

/** Resolves once nothing waits to be sent any more; what a provider put off is tried again a minute later. */
async function settled(address: string): Promise<void> {
  await untilThere("an empty outbox", () => {
    if (ann.gateway.outbox.list().length === 0) return true;
    if (ann.gateway.outbox.list().every(({ delivery }) => delivery.nextAt > now)) now += 3_600_000;
    const account = ann.gateway.require(address);
    void ann.gateway.road.send({ account } as Parameters<typeof ann.gateway.road.send>[0], undefined);
    return undefined;
  });
}

async function gossipIn(sent: string): Promise<string[]> {
  const armoredMessage = /-----BEGIN PGP MESSAGE[\s\S]*?END PGP MESSAGE-----/.exec(sent)?.[0] ?? "";
  const message = await readMessage({ armoredMessage });
  const plain = await message.decrypt([theirs[0]], undefined, undefined, new Date(now));
  return [...(plain.getText() ?? "").matchAll(/^Autocrypt-Gossip: addr=([^;]+);/gm)].map(([, address = ""]) => address);
}

test("of a thousand letters, or a quarter of them, what goes over the wire to the provider is never readable where the user's words forbid it", async () => {
  const seen = new Map<string, number>();
  const forbidden: string[] = ["DRAFT-NEEDLE"];
  await append(box(ann.mail.maildir, "Drafts"), "Subject: DRAFT-NEEDLE\r\n\r\nDRAFT-NEEDLE\r\n");
  const cases = fc.sample(sending, { numRuns: CASES, seed: 5 });
  for (const [number, one] of cases.entries()) {
    const needle = `Needle${number}InTheLetterOfACase`;
    const addresses = one.recipients.map((_, index) => `r${number}.${index}@friend.example`);
    const hidden = addresses.filter((_, index) => one.recipients[index]?.hidden);
    const visible = addresses.filter((address) => !hidden.includes(address));
    const [from, id] = [one.hasOwnKey ? ANN : BARE, `${number}@friend.example`];
    for (const [index, known] of one.recipients.entries()) know(addresses[index] ?? "", known);
    if (one.answersEncrypted) ann.keys.store.rememberEncrypted(id);
    ann.keys.preferences.set(from, { signPlain: one.signPlain });
    ann.gateway.allowPlain(from, one.plain === "allowed");
    fail(one.failure);
    try {
      await ann.submitFrom(from, letter(one, { needle, from, visible, id }), ...addresses);
      await settled(from);
    } catch (error) {
      // The policy's word, or the provider's.
      expect([550, 554]).toContain((error as { code?: number }).code);
    }
    const sent = toSmtp.take();
    const readable = holds(sent, needle);
    const outcome = sent.includes("BEGIN PGP MESSAGE") ? "encrypted" : readable ? "plain" : "nothing";
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
    const told = { number, one, outcome };
    if (plainIsForbidden(one)) {
      forbidden.push(needle);
      expect({ ...told, readable }).toEqual({ ...told, readable: false });
    }
    // A letter goes one way.
    if (outcome === "encrypted") expect({ ...told, readable }).toEqual({ ...told, readable: false });
    const content = sent.replace(/^RCPT TO:.*\r\n/gm, "");
    for (const address of [...hidden, `x-${needle}`])
      expect({ ...told, shown: content.includes(address) }).toEqual({ ...told, shown: false });
    if (outcome === "encrypted" && number % 5 === 0) {
      const gossip = await gossipIn(sent);
      expect(gossip.filter((address) => !visible.includes(address))).toEqual([]);
    }
  }
  expect([...seen.keys()].sort()).toEqual(["encrypted", "nothing", "plain"]);
  await untilThere(
    "copies at the provider",
    () => (ann.gateway.outbox.copiesDue(1).length === 0 ? true : undefined),
    120_000,
  );
  expect(ann.logs.join("")).not.toMatch(/Needle|NEEDLE|friend\.example/);
  const copies = toImap.take();
  expect(copies).toContain("BEGIN PGP MESSAGE");
  expect(forbidden.filter((needle) => holds(copies, needle))).toEqual([]);
}, 600_000);

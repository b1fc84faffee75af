import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Person } from "../../rig/person.ts";
import { postern, posternJson, spawnPostern } from "../../rig/postern-process.ts";
import { PrivateDovecot } from "../../rig/private-dovecot.ts";
import { PrivatePostfix, postfixRuns } from "../../rig/private-postfix.ts";
import { SomeAuthorizationServer } from "../legacy-gateway/some-authorization-server.ts";

const ANN = "ann@old.example";
const BOB = "bob@friend.example";
const OTHERS = ["full@friend.example", "later@friend.example", "nobody@friend.example", "plain@friend.example"];

let scratch: string;
let oauth: SomeAuthorizationServer;
let dovecot: PrivateDovecot;
let postfix: PrivatePostfix;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  if (!postfixRuns()) throw new Error("Postfix is not installed, or this is not root: test/slow/install-programs.sh");
  scratch = mkdtempSync(join(tmpdir(), "postern-sending-"));
  oauth = await SomeAuthorizationServer.start();
  oauth.user = BOB;
  dovecot = await PrivateDovecot.start({ tls: true, delivery: true, introspectionUrl: `${oauth.url}/introspect` });
  postfix = await PrivatePostfix.start({
    dovecot,
    mailboxes: [ANN, BOB, "full@friend.example", "later@friend.example"],
    refused: {
      "full@friend.example": "552 5.2.2 Mailbox is full",
      "later@friend.example": "450 4.2.0 Greylisted, come back later",
    },
    sizeLimit: 3_000_000,
  });
  writeFileSync(join(scratch, "password"), `${dovecot.password}\n`);
  writeFileSync(join(scratch, "wrong"), "another-password-of-a-test\n");
  writeFileSync(join(scratch, "ca.pem"), Buffer.concat([dovecot.certificate, postfix.certificate]));
  [ann, bob] = [await Person.create("ann", scratch), await Person.create("bob", scratch)];
  await Promise.all([ann.start(), bob.start()]);
}, 180_000);

afterAll(async () => {
  await Promise.all([ann?.stop(), bob?.stop()]);
  await postfix?.stop();
  await dovecot?.stop();
  await oauth?.stop();
  rmSync(scratch, { recursive: true, force: true });
}, 60_000);

const imapPlace = () => [
  "--imap-host",
  "127.0.0.1",
  "--imap-port",
  String(dovecot.port),
  "--ca",
  join(scratch, "ca.pem"),
];

async function allowPlain(person: Person, ...addresses: string[]): Promise<void> {
  for (const address of addresses)
    await posternJson(scratch, "gateway", "policy", address, "--allow-plain", "--home", person.home);
}

/** Submits a plain letter to the person's own bridge. @throws with the bridge's reply */
async function send(person: Person, from: string, to: string, subject: string, text = "Good morning."): Promise<void> {
  const smtp = person.smtp();
  try {
    await smtp.sendMail({
      from,
      to,
      subject,
      text,
      headers: { "User-Agent": "SomeProgram/1.0", "X-Host": "laptop.local" },
    });
  } finally {
    smtp.close();
  }
}

/** Waits until a letter with that subject is in the person's folder, in their bridge; its source. */
async function arrival(
  person: Person,
  subject: string,
  folder = "INBOX",
): Promise<{ source: string; flags: string[] }> {
  const client = await person.imap();
  const end = performance.now() + 60_000;
  try {
    for (;;) {
      await client.mailboxOpen(folder, { readOnly: true });
      const found = await client.search({ subject }, { uid: true });
      if (Array.isArray(found) && found.length > 0) {
        const letter = await client.fetchOne(String(found[0]), { source: true, flags: true }, { uid: true });
        if (letter !== false)
          return { source: letter.source?.toString("latin1") ?? "", flags: [...(letter.flags ?? [])] };
      }
      if (performance.now() > end) throw new Error(`never came: ${subject}; ${postfix.log().slice(-2_000)}`);
      await pause(100);
    }
  } finally {
    await client.logout();
  }
}

/** What lies in somebody's mailbox at the provider, all letters of a folder together. */
function atProvider(user: string, folder = ""): string[] {
  const directory = join(dovecot.home, user, "Maildir", folder);
  return ["new", "cur"].flatMap((part) =>
    !existsSync(join(directory, part))
      ? []
      : readdirSync(join(directory, part)).map((name) => readFileSync(join(directory, part, name), "latin1")),
  );
}

test("an account with a password, TLS and a copy in the provider's Sent; the provider's size limit is known", async () => {
  const login = ["--password-file", join(scratch, "password"), "--allow-plain", "--sent-copy"];
  const smtp = ["--smtp-host", "127.0.0.1", "--smtp-port", String(postfix.port)];
  const { tested } = await posternJson<{ tested: { smtp: unknown } }>(
    scratch,
    "gateway",
    "add",
    ANN,
    "--home",
    ann.home,
    ...imapPlace(),
    ...smtp,
    ...login,
  );
  expect(tested.smtp).toEqual({ host: "127.0.0.1", port: postfix.port, sizeLimit: 3_000_000 });
  await allowPlain(ann, BOB, ...OTHERS);
}, 120_000);

test("an account that is signed in to in a browser, and STARTTLS; Dovecot and Postfix take the token", async () => {
  const smtp = ["--smtp-host", "127.0.0.1", "--smtp-port", String(postfix.startTlsPort), "--smtp-security", "starttls"];
  const provider = ["--oauth", `${oauth.url}/token`, "--oauth-page", `${oauth.url}/authorize`, "--oauth-scope", "mail"];
  const child = spawnPostern(scratch, [
    "gateway",
    "add",
    BOB,
    "--home",
    bob.home,
    ...imapPlace(),
    ...smtp,
    ...provider,
    "--oauth-client-id",
    "app",
    "--allow-plain",
    "--json",
  ]);
  let output = "";
  child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  if (child.stderr === null) throw new Error("no standard error");
  const ended = once(child, "close");
  for await (const line of createInterface({ input: child.stderr })) {
    const { event, page } = JSON.parse(line) as { event?: string; page?: string };
    if (event === "sign-in") expect(await oauth.browse(page ?? "")).toMatchObject({ status: 200 });
  }
  const [status] = (await ended) as [number];
  expect([status, output]).toEqual([0, expect.stringContaining('"sizeLimit":3000000')]);
  await allowPlain(bob, ANN);
}, 90_000);

test("a letter goes from bridge to bridge over Postfix and Dovecot, and back", async () => {
  await send(ann, ANN, BOB, "hello by the old road");
  const { source, flags } = await arrival(bob, "hello by the old road");
  expect(flags).toEqual(expect.arrayContaining(["$Legacy", "$Plaintext"]));
  expect(source).toMatch(/^Authentication-Results: postern\.alt/);
  await send(bob, BOB, ANN, "Re: hello by the old road");
  await arrival(ann, "Re: hello by the old road");
  // Whoever reads at the provider sees no program, host, or word of the overlay.
  const [letter = ""] = atProvider("bob").filter((each) => each.includes("Subject: hello by the old road"));
  expect(letter).toContain("From: ann@old.example\r\n".replaceAll("\r\n", "\n"));
  expect(letter).not.toMatch(/SomeProgram|laptop|postern|X-Host|nodemailer/i);
  expect(letter.match(/^Received: .*/gm)?.join() ?? "").not.toMatch(/helo=(?!\[127\.0\.0\.1\])/);
  const sent = await arrival(ann, "hello by the old road", "Sent");
  expect(sent.source).toContain(`X-Postern-Road: e-mail; from=${ANN}; to=${BOB}\r\n`);
}, 150_000);

test("a copy is in the provider's Sent, once, and the bridge does not take it for another letter", async () => {
  const end = performance.now() + 30_000;
  while (atProvider("ann", ".Sent").length === 0 && performance.now() < end) await pause(100);
  await posternJson(scratch, "gateway", "test", ANN, "--home", ann.home);
  expect(atProvider("ann", ".Sent").map((each) => /^Subject: (.*)$/m.exec(each)?.[1])).toEqual([
    "hello by the old road",
  ]);
  expect(atProvider("ann", ".Sent")[0]).not.toMatch(/X-Postern|SomeProgram/);
  const client = await ann.imap();
  const { messages } = (await client.status("Sent", { messages: true })) || {};
  await client.logout();
  expect(messages).toBe(1);
}, 90_000);

test.each([
  ["nobody@friend.example", /550 .*5\.1\.1 .*127\.0\.0\.1 does not take it: 550 5\.1\.1 .*nobody@friend\.example/],
  ["full@friend.example", /550 .*5\.2\.2 .*does not take it: 552 5\.2\.2 .*Mailbox is full/],
])(
  "Postfix's refusal of %s is the reply to the mail program, in its own words",
  async (to, words) => {
    await expect(send(ann, ANN, to, "refused")).rejects.toThrow(words);
    const { letters } = await posternJson<{ letters: unknown[] }>(scratch, "queue", "--home", ann.home);
    expect(letters).toEqual([]);
  },
  60_000,
);

test("what is larger than Postfix takes is refused before it is sent", async () => {
  await expect(send(ann, ANN, BOB, "large", "a line of text\r\n".repeat(200_000))).rejects.toThrow(
    /552 .*at most 3 MB/,
  );
}, 60_000);

test("greylisted letters and those for a provider that is away wait, and say why; they leave when they may", async () => {
  await send(ann, ANN, "later@friend.example", "greylisted");
  await postfix.interrupt();
  await send(ann, ANN, BOB, "while Postfix was away");
  const { letters } = await posternJson<{ letters: { to: string; state: string; reason?: string }[] }>(
    scratch,
    "queue",
    "--home",
    ann.home,
  );
  expect(letters.map(({ to, reason }) => [to, reason])).toEqual([
    ["later@friend.example", expect.stringContaining("Greylisted")],
    [BOB, expect.stringContaining("cannot be reached")],
  ]);
  await postfix.resume();
  await posternJson(scratch, "gateway", "test", ANN, "--home", ann.home);
  await arrival(bob, "while Postfix was away");
}, 150_000);

test("a wrong password and a certificate for another name change nothing, and say what to do", async () => {
  const wrong = await postern(
    scratch,
    "gateway",
    "password",
    ANN,
    "--password-file",
    join(scratch, "wrong"),
    "--home",
    ann.home,
  );
  expect(wrong).toMatchObject({ status: 10, stderr: expect.stringContaining("refuses the user or the password") });
  expect(wrong.stderr).not.toContain("another-password");
  for (const starttls of [[], ["--smtp-port", String(postfix.startTlsPort), "--smtp-security", "starttls"]]) {
    const smtp = ["--smtp-host", "localhost", "--smtp-port", String(postfix.port), ...starttls];
    const ca = ["--ca", join(scratch, "ca.pem")];
    const name = await postern(scratch, "gateway", "change", ANN, ...smtp, ...ca, "--home", ann.home);
    expect(name).toMatchObject({
      status: 10,
      stderr: expect.stringMatching(
        /certificate that is for 127\.0\.0\.1, not for localhost, so nothing was sent: .*--smtp-pin/,
      ),
    });
  }
  await posternJson(
    scratch,
    "gateway",
    "password",
    ANN,
    "--password-file",
    join(scratch, "password"),
    "--home",
    ann.home,
  );
  await send(ann, ANN, BOB, "goes on");
  await arrival(bob, "goes on");
}, 150_000);

test("no secret stands in a log, or in anything that was printed", async () => {
  const refresh = oauth.forms.map((form) => form.get("refresh_token")).find((token) => token !== null) ?? "";
  expect(refresh).not.toBe("");
  const printed = [ann.bridge.log, bob.bridge.log];
  for (const person of [ann, bob])
    printed.push((await postern(scratch, "gateway", "list", "--json", "--home", person.home)).stdout);
  for (const text of printed) {
    expect(text).not.toContain(dovecot.password);
    expect(text).not.toContain(refresh);
  }
}, 60_000);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { PrivateDovecot } from "../../../rig/private-dovecot.ts";
import { ANN, SomeGateway, untilThere } from "../../legacy-gateway/openpgp/some-gateway.ts";
import { DeliveringServer, makeSent } from "./delivering-server.ts";
import { Thunderbird } from "./thunderbird.ts";

const BOB = "bob@friend.example";

let scratch: string;
let annsProvider: PrivateDovecot;
let bobsProvider: PrivateDovecot;
let fromAnn: DeliveringServer;
let fromBob: DeliveringServer;
let ann: SomeGateway;
let bob: Thunderbird;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-openpgp-thunderbird-"));
  [annsProvider, bobsProvider] = await Promise.all([PrivateDovecot.start(), PrivateDovecot.start()]);
  await makeSent(bobsProvider);
  fromAnn = await DeliveringServer.start(annsProvider, bobsProvider);
  fromBob = await DeliveringServer.start(bobsProvider, annsProvider);
  const { user, password, port: imapPort } = annsProvider;
  ann = await SomeGateway.start({ imapPort, smtpPort: fromAnn.port, user, password });
  await ann.book.make(ANN, "Ann");
  bob = await Thunderbird.start({
    account: {
      address: BOB,
      user: bobsProvider.user,
      password: bobsProvider.password,
      imap: { host: "127.0.0.1", port: bobsProvider.port },
      smtp: { host: "127.0.0.1", port: fromBob.port },
      caFile: "",
    },
    security: "none",
    home: join(scratch, "thunderbird"),
  });
}, 240_000);

afterAll(async () => {
  await bob?.stop();
  await ann?.stop();
  await Promise.all([fromAnn?.stop(), fromBob?.stop()]);
  await Promise.all([annsProvider?.stop(), bobsProvider?.stop()]);
  rmSync(scratch, { recursive: true, force: true });
});

function letter(subject: string, text: string): string {
  return [
    `From: Ann <${ANN}>`,
    `To: ${BOB}`,
    `Subject: ${subject}`,
    `Message-ID: <${subject.length}@laptop>`,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "",
    `${text}\r\n`,
  ].join("\r\n");
}

function openPgpKeywords(flags: readonly string[]): string[] {
  return flags.filter((flag) => ["$Legacy", "$Encrypted", "$Signed", "$Plaintext"].includes(flag)).sort();
}

test("Thunderbird and the gateway exchange keys by letters, and each reads and verifies what the other encrypts", async () => {
  const bobsKey = await bob.makeOpenPgpKey();
  await bob.sendProtected({ to: ANN, subject: "My key", text: "It comes with this." }, { sign: true, encrypt: false });
  const first = await ann.arrived("Subject: My key");
  expect(openPgpKeywords(first.flags)).toEqual(["$Legacy", "$Plaintext", "$Signed"]);
  expect(first.text).toContain(`policy.key=${bobsKey}`);

  await ann.submit(letter("The cellar door", "It is open at nine."), BOB);
  await untilThere("the letter at Bob's provider", () => fromAnn.taken[0]);
  expect(fromAnn.taken.join("")).not.toMatch(/cellar|at nine/);
  await bob.refresh("Inbox");
  const opened = await bob.readProtected("Inbox", "[...]", "It is open at nine.");
  expect(opened).toMatchObject({ subject: "The cellar door", encryption: "OK" });
  expect(opened.signature).toBe("UNCERTAIN_KEY_UNAVAILABLE");
  expect(await bob.acceptSenderKey()).toBe(ann.book.ownFor(ANN)?.getFingerprint());
  await ann.submit(letter("The attic window", "It is open at ten."), BOB);
  await untilThere("the second letter", () => fromAnn.taken[1]);
  await bob.refresh("Inbox");
  expect(await bob.readProtected("Inbox", "[...]", "It is open at ten.")).toMatchObject({
    subject: "The attic window",
    listedSubject: "The attic window",
    encryption: "OK",
    signature: "VALID_KEY_VERIFIED",
  });

  await bob.sendProtected(
    { to: ANN, subject: "The key is under the mat", text: "Bring a lamp." },
    { sign: true, encrypt: true },
  );
  expect(fromBob.taken[1]?.toString("latin1")).toMatch(/^Subject: \.\.\.\r$/m);
  const answer = await ann.arrived("Subject: The key is under the mat");
  expect(openPgpKeywords(answer.flags)).toEqual(["$Encrypted", "$Legacy", "$Signed"]);
  expect(answer.text).toContain("Bring a lamp.");
  expect(answer.text).toContain(`policy.key=${bobsKey}`);
}, 300_000);

test("another key of his is told, does not count, and is not encrypted to, until Ann says that it is his", async () => {
  const bobsKey = ann.keys.store.bindings(BOB)[0]?.fingerprint;
  const another = await bob.makeOpenPgpKey();
  await bob.sendProtected({ to: ANN, subject: "A new key", text: "I lost it." }, { sign: true, encrypt: false });
  expect(openPgpKeywords((await ann.arrived("Subject: A new key")).flags)).toEqual(["$Legacy", "$Plaintext"]);
  expect(ann.notices).toHaveLength(1);
  expect(ann.notices[0]?.text).toContain(`postern gateway key accept ${BOB} ${another.toUpperCase()}`);
  expect(await ann.book.keyFor(BOB)).toMatchObject({ binding: { fingerprint: bobsKey } });

  ann.keys.store.accept(BOB, another);
  await ann.submit(letter("Is it you", "Say it in person."), BOB);
  await untilThere("the letter at Bob's provider", () => fromAnn.taken[2]);
  await bob.refresh("Inbox");
  expect(await bob.readProtected("Inbox", "[...]", "Say it in person.")).toMatchObject({
    subject: "Is it you",
    signature: "VALID_KEY_VERIFIED",
  });
}, 300_000);

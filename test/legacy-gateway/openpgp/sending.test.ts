import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { PrivateKey } from "openpgp";
import { type GatewayKeys, openGatewayKeys } from "../../../bridge/gateway-keys.ts";
import { SentCopies } from "../../../bridge/sent-copies.ts";
import { createSubmissionSink } from "../../../bridge/submission.ts";
import { systemClock } from "../../../foundation/clock.ts";
import { silentLogger } from "../../../foundation/logger.ts";
import { LegacyGateway } from "../../../legacy-gateway/gateway.ts";
import type { SubmissionSink } from "../../../smtp-front/submission.ts";
import { SomeMail } from "../../bridge/some-mail.ts";
import { PASSWORD } from "../some-provider.ts";
import { SomeSubmissionServer } from "../some-submission-server.ts";
import { keysOf, someKey } from "./some-keys.ts";
import { read } from "./some-letters.ts";

const ANN = "ann@old.example";
const BOB = "bob@friend.example";
const LETTER = `From: Ann <${ANN}>\r\nTo: ${BOB}\r\nSubject: a secret\r\nMIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nGood morning.\r\n`;

let server: SomeSubmissionServer;
let mail: SomeMail;
let gateway: LegacyGateway;
let keys: GatewayKeys;
let sink: SubmissionSink;
let bob: PrivateKey;

beforeEach(async () => {
  bob = await someKey(BOB);
  server = await SomeSubmissionServer.start();
  mail = await SomeMail.create();
  const { db, account, maildir, overlay } = mail;
  keys = openGatewayKeys({ db, now: Date.now, notify: () => undefined });
  gateway = new LegacyGateway({
    db,
    mail: maildir,
    clock: systemClock,
    logger: silentLogger,
    notify: () => undefined,
    report: async (_report, settle) => settle(),
    read: keys.read,
    write: keys.write,
  });
  const messageIdKey = Buffer.alloc(32, 7);
  const sentCopies = new SentCopies(db);
  sink = createSubmissionSink({
    db,
    account,
    maildir,
    overlay,
    sentCopies,
    commands: mail.commands,
    introduces: false,
    messageIdKey,
    clock: systemClock,
    legacy: gateway.road,
  });
  const place = { host: "127.0.0.1", security: "none" } as const;
  gateway.accounts.add(
    {
      address: ANN,
      user: "ann",
      imap: { ...place, port: 1 },
      smtp: { ...place, port: server.port },
      folders: "merged",
      keeping: { kind: "keep" },
      plain: "refused",
      sentCopy: false,
    },
    PASSWORD,
  );
  gateway.start();
});
afterEach(async () => {
  await gateway.close();
  await mail.close();
  await server.stop();
});

async function submit(...to: readonly string[]): Promise<void> {
  const content = (async function* () {
    yield Buffer.from(LETTER);
  })();
  for (const address of to) await sink.checkRecipient({ address }, ANN);
  await sink.submit({ from: ANN, recipients: to.map((address) => ({ address })), content });
}

test("a letter to somebody whose key is known leaves encrypted; what is filed in Sent can be read", async () => {
  const { fingerprint } = await (await keys.book()).make(ANN);
  await (await keys.book()).learn(bob.toPublic(), BOB, "autocrypt");
  await submit(BOB);
  const end = performance.now() + 15_000;
  while (server.taken.length === 0 && performance.now() < end) await new Promise((resolve) => setTimeout(resolve, 10));
  const taken = server.taken[0]?.content ?? "";
  expect(taken).toContain("multipart/encrypted");
  expect(taken).not.toMatch(/secret|Good morning/);
  const own = (await keys.book()).own.map((key) => key.toPublic());
  const asBob = keysOf(
    [bob],
    own.map((key) => [key, ANN] as const),
  );
  const { text, keywords, verdict } = await read(taken, asBob, Date.now() + 1_000);
  expect(verdict.signature).toEqual({ result: "good", fingerprint });
  expect(keywords).toEqual(["$Legacy", "$Encrypted", "$Signed"]);
  expect(text).toContain("Subject: a secret\r\n");
  expect((await mail.messages("Sent"))[0]?.text).toContain("Good morning.");
});

test("without a key nothing leaves and nothing is filed, and the reply says what to do", async () => {
  await (await keys.book()).make(ANN);
  await expect(submit(BOB)).rejects.toMatchObject({
    code: 550,
    message: expect.stringMatching(/no OpenPGP key for bob@friend\.example/),
  });
  expect(server.taken).toEqual([]);
  expect(gateway.outbox.list()).toEqual([]);
  expect(mail.maildir.specialUse("\\Sent") === undefined ? [] : await mail.messages("Sent")).toEqual([]);
});

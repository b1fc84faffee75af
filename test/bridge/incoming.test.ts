import { randomBytes } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createLetterReceiver } from "../../bridge/incoming.ts";
import { writeContainer } from "../../bridge/translate/container-writer.ts";
import { LetterAborted, type LetterReceiver, type ReceivedLetter } from "../../overlay-adapter/ports.ts";
import { SomeMail } from "./some-mail.ts";
import { NOW, someLabel } from "./somebody.ts";

let mail: SomeMail;
let receiver: LetterReceiver;
let log: string[];

beforeEach(async () => {
  mail = await SomeMail.create();
  log = [];
  const { account, contacts, maildir } = mail;
  const logger = (level: string, event: string, details?: object) =>
    void log.push(JSON.stringify([level, event, details]));
  receiver = createLetterReceiver({ account, contacts, maildir, logger });
});
afterEach(() => mail.close());

async function* bytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

const container = (header = "Subject: hello\r\n", body = "Good morning.\r\n") =>
  writeContainer(Buffer.from(header), bytes(body));

function letter(content: AsyncIterable<Uint8Array>, more: Partial<ReceivedLetter> = {}): ReceivedLetter {
  return { from: someLabel(1), deviceId: 1, id: randomBytes(16), receivedAt: NOW, size: 100, content, ...more };
}

/** What the overlay does with a letter. */
async function deliver(received: ReceivedLetter): Promise<void> {
  const makeVisible = await receiver.receive(received);
  await mail.db.commit(makeVisible);
}

test("a letter comes into INBOX unread, from the contact under the petname", async () => {
  await deliver(letter(container()));
  const [message] = await mail.messages("INBOX");
  expect(message?.flags).toEqual([]);
  expect(message?.text).toMatch(/^From: "?bob"? <mail@/m);
  expect(message?.text).toContain("\r\n\r\nGood morning.\r\n");
});

test("how the sender became a contact shows as a keyword", async () => {
  await deliver(letter(container(), { from: someLabel(2) }));
  expect((await mail.messages("INBOX"))[0]?.flags).toEqual(["$Verified"]);
});

test("nothing is visible before the overlay's transaction, and nothing is if that fails", async () => {
  const makeVisible = await receiver.receive(letter(container()));
  expect(await mail.messages("INBOX")).toEqual([]);
  const failing = mail.db.commit(() => {
    makeVisible();
    throw new Error("the disk");
  });
  await expect(failing).rejects.toThrow("the disk");
  expect(await mail.messages("INBOX")).toEqual([]);
});

test("a letter that is handed in again after a crash is there once", async () => {
  const id = randomBytes(16);
  await receiver.receive(letter(container(), { id }));
  await deliver(letter(container(), { id }));
  expect(await mail.messages("INBOX")).toHaveLength(1);
});

test("a contact who knows the id of another's letter cannot keep that letter out by using it first", async () => {
  const id = randomBytes(16);
  await deliver(letter(container("Subject: first\r\n"), { id, from: someLabel(2) }));
  await deliver(letter(container("Subject: second\r\n"), { id, from: someLabel(1) }));
  const subjects = (await mail.messages("INBOX")).map(({ text }) => /^Subject: (.*)\r$/m.exec(text)?.[1]);
  expect(subjects).toEqual(["first", "second"]);
});

test.each([
  ["no overlay message", () => bytes("From: eve\r\n\r\nhello")],
  ["of a version to come", () => bytes("PSTM\u0002")],
  ["cut off", () => bytes("PSTM\u0001\0\0")],
  ["empty", () => bytes("")],
])("a letter whose content is %s is told of, with nothing of the content", async (_what, content) => {
  await deliver(letter(content()));
  const [message, ...more] = await mail.messages("INBOX");
  expect(more).toEqual([]);
  expect(message?.text).toMatch(/^Subject: A letter could not be read\r$/m);
  expect(message?.text).toMatch(/^From: Postern <postern@postern\.alt>\r$/m);
  expect(message?.text).not.toContain("eve");
  expect(log).toHaveLength(1);
  expect(log.join()).not.toMatch(/bob|hello/);
});

test("a letter that turns out to be altered leaves nothing behind", async () => {
  const content = (async function* () {
    yield* container("Subject: x\r\n", "x".repeat(100_000));
    throw new LetterAborted("altered");
  })();
  await expect(receiver.receive(letter(content))).rejects.toBeInstanceOf(LetterAborted);
  expect(await mail.messages("INBOX")).toEqual([]);
});

test("a letter from nobody known is not taken", async () => {
  await expect(receiver.receive(letter(container(), { from: someLabel(99) }))).rejects.toMatchObject({
    code: "nonexistent",
  });
});

import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createMessage, encrypt, type PublicKey } from "openpgp";
import { append, box } from "../../maildir/home.ts";
import { SomeProvider } from "../some-provider.ts";
import { ANN, SomeGateway, untilThere } from "./some-gateway.ts";
import { someKey } from "./some-keys.ts";
import { encryptedLetter, NEEDLE, PAYLOAD } from "./some-letters.ts";

let provider: SomeProvider;
let ann: SomeGateway;

beforeAll(async () => {
  provider = await SomeProvider.start();
  ann = await SomeGateway.start({ imapPort: provider.settings.imap.port, smtpPort: 1 });
  await ann.book.make(ANN);
});
afterAll(async () => {
  await ann?.stop();
  await provider?.stop();
});

async function sealed(...to: readonly PublicKey[]): Promise<string> {
  const binary = await createMessage({ binary: Buffer.from(PAYLOAD, "latin1") });
  return encryptedLetter(await encrypt({ message: binary, encryptionKeys: [...to] }));
}

test("letters that open and letters that do not all arrive, and no log and no notice holds a word of them", async () => {
  const own = ann.book.own.map((key) => key.toPublic());
  const whole = await sealed(...own);
  const foreign = await sealed((await someKey("carol@example.org")).toPublic());
  const letters = [
    whole,
    foreign,
    whole.slice(0, whole.length / 2),
    whole.replace(/(?<=\r\n)([A-Za-z0-9+/]{20})([A-Za-z0-9+/]{20})/, "$2$1"),
    whole.replace("multipart/encrypted", "multipart/mixed"),
    `Subject: plain\r\n\r\n${NEEDLE}\r\n`,
  ];
  for (const letter of letters) await append(box(provider.mail, "INBOX"), letter);
  const arrived = await untilThere("all letters", async () => {
    const messages = await ann.mail.messages("INBOX");
    return messages.length === letters.length ? messages : undefined;
  });
  const opened = arrived.filter(({ text }) => text.includes(NEEDLE));
  const protection = opened.flatMap(({ flags }) => flags.filter((flag) => flag !== "$Legacy"));
  expect(protection.sort()).toEqual(["$Encrypted", "$Plaintext"]);
  expect(arrived.every(({ text }) => text.startsWith("Authentication-Results: postern.alt;"))).toBe(true);
  expect(JSON.stringify([ann.logs, ann.notices])).not.toContain(NEEDLE);
});

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { bodyOf, formatLetter, untilLetter } from "../../../rig/letters.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { mailAccount, type Security } from "./mail-account.ts";
import { type MsmtpOptions, msmtp } from "./msmtp.ts";

let people: TwoPeople;
let reader: ImapFlow;

beforeAll(async () => {
  people = await TwoPeople.meet();
  reader = await people.bob.imap();
}, 60_000);

afterAll(async () => {
  await reader?.logout();
  await people?.part();
});

describe.each<Security>(["tls", "starttls"])("msmtp over %s", (security) => {
  const options = (): MsmtpOptions => ({
    account: mailAccount(people.alice),
    security,
    home: join(people.scratch, `msmtp-${security}`),
  });
  const letter = (subject: string, body: string) =>
    formatLetter({ From: people.alice.account.address, To: "bob@postern.alt", Subject: subject }, body);

  test("sends a letter whose body arrives octet for octet", async () => {
    const subject = `by msmtp, ${security}`;
    const sent = letter(subject, "Grüße\r\n.\r\n..two dots\r\nFrom the start of a line\r\n");
    expect(await msmtp(options(), ["bob@postern.alt"], sent)).toMatchObject({ status: 0, stderr: "" });
    const received = await untilLetter(reader, "INBOX", subject);
    expect(bodyOf(received.source).toString()).toBe(bodyOf(sent).toString());
  }, 60_000);

  test("is told why a stranger cannot be written to", async () => {
    const { status, stderr } = await msmtp(options(), ["nobody@postern.alt"], letter("to nobody", "x\r\n"));
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/550 5\.1\.1 Not a contact of yours: .*invite/);
  }, 60_000);

  test("is told of a wrong password as such", async () => {
    const account = { ...mailAccount(people.alice), password: "wrong-password" };
    const { status, stderr } = await msmtp({ ...options(), account }, ["bob@postern.alt"], letter("never", "x\r\n"));
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/535/);
  }, 60_000);

  test("refuses a bridge whose certificate another authority signed", async () => {
    const account = { ...mailAccount(people.alice), caFile: people.bob.account.caFile };
    const { status, stderr } = await msmtp({ ...options(), account }, ["bob@postern.alt"], letter("never", "x\r\n"));
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/certificate/);
  }, 60_000);
});

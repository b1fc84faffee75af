import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { bodyOf, formatLetter, untilLetter } from "../../../rig/letters.ts";
import type { Person } from "../../../rig/person.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { type CurlOptions, curlImap, curlSmtp } from "./curl.ts";
import { mailAccount, type Security } from "./mail-account.ts";

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

describe.each<Security>(["tls", "starttls"])("curl over %s", (security) => {
  const as = (person: Person): CurlOptions => ({
    account: mailAccount(person),
    security,
    home: join(people.scratch, `curl-${person.name}-${security}`),
  });

  test("sends a letter, finds it at the other end and reads it octet for octet", async () => {
    const subject = `by-curl-${security}`;
    const lines = randomBytes(60_000).toString("base64").replace(/.{76}/g, "$&\r\n");
    const sent = formatLetter(
      { From: people.alice.account.address, To: "bob@postern.alt", Subject: subject },
      `${lines}\r\n`,
    );
    expect(await curlSmtp(as(people.alice), "bob@postern.alt", sent)).toMatchObject({ status: 0, stderr: "" });
    const { uid } = await untilLetter(reader, "INBOX", subject);
    const found = await curlImap(as(people.bob), `INBOX?SUBJECT%20${subject}`);
    expect(found.stdout.toString()).toMatch(/^\* SEARCH \d+\r\n$/);
    const read = await curlImap(as(people.bob), `INBOX;UID=${uid}`);
    expect(bodyOf(read.stdout).equals(bodyOf(sent))).toBe(true);
  }, 60_000);

  test("refuses a bridge whose certificate another authority signed", async () => {
    const options = as(people.bob);
    const account = { ...options.account, caFile: people.alice.account.caFile };
    const { status, stderr } = await curlImap({ ...options, account }, "");
    expect({ status, stderr }).toEqual({ status: 60, stderr: expect.stringContaining("certificate") });
  }, 60_000);
});

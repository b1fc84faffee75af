import { afterAll, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { MailStore } from "../../imap-front/store.ts";
import { Client, serve, stopServers } from "../imap-front/dialogue.ts";
import { MemoryStore } from "../imap-front/memory-store.ts";
import { nastyMail } from "../mime/nasty-mail.ts";
import { inHome, type TestHome } from "./home.ts";

const QUESTIONS = [
  ...["ARRIVAL", "SIZE", "DATE", "SUBJECT", "FROM", "TO", "CC", "DISPLAYFROM", "DISPLAYTO"].map(
    (criterion) => `UID SORT (${criterion}) UTF-8 ALL`,
  ),
  "UID SORT (REVERSE SUBJECT DATE) UTF-8 ALL",
  "UID THREAD REFERENCES UTF-8 ALL",
  "UID THREAD ORDEREDSUBJECT UTF-8 ALL",
];

afterAll(stopServers);

async function clientOf(store: MailStore): Promise<Client> {
  return await (await Client.connect(await serve(store))).login();
}

async function append(client: Client, mailbox: string, letters: readonly Buffer[]): Promise<void> {
  const items = letters.map((letter, index) => {
    const date = `"0${9 - index}-Jan-2026 10:00:00 +0000"`;
    return ` ${date} {${letter.length}+}\r\n${letter.toString("latin1")}`;
  });
  expect(await client.command("a", `APPEND ${mailbox}${items.join("")}`)).toMatch(/^a OK/m);
}

/** What a fresh connection is told of the mailbox's order. */
async function answers(client: Client, mailbox: string): Promise<readonly string[]> {
  await client.command("b", `SELECT ${mailbox}`);
  const told: string[] = [];
  for (const question of QUESTIONS) told.push(await client.command("c", question));
  return told;
}

const word = fc.constantFrom(
  "a",
  "Re: ",
  "[b] ",
  "(fwd)",
  "=?utf-8?Q?=C3=A4?=",
  "=?utf-8?B?8J+YgA==?=",
  "=?utf-8?Q?=00=0A?=",
  "\xe4",
  "\xc3\xa4",
  "\u0000",
  '"',
  "x".repeat(499),
  " ",
);
const text = fc.array(word, { maxLength: 4 }).map((words) => words.join(""));
const id = fc.constantFrom("<a@x>", "<b@x>", '<"b"@x>', "<c d@x>", "<@>", "a@x", "<d@x", "<e@x> <f@x>", "");
const ids = fc.array(id, { maxLength: 4 }).map((list) => list.join(" "));
const date = fc.constantFrom("Thu, 1 Jan 2026 10:00:00 +0100", "1 Jan 26 10:00 EST", "no date", "32 Foo 2026", "");
const linked = fc
  .record({
    Subject: text,
    From: text,
    To: text,
    Cc: text,
    Date: date,
    "Message-ID": id,
    References: ids,
    "In-Reply-To": ids,
  })
  .map((fields) => {
    const lines = Object.entries(fields).filter(([, value]) => value !== "");
    const address = (value: string) => (value.length % 2 === 0 ? `${value} <${value}@x>` : value);
    const line = ([name, value]: [string, string]) =>
      `${name}: ${/^(From|To|Cc)$/.test(name) ? address(value) : value}\r\n`;
    return Buffer.from(`${lines.map(line).join("")}\r\nbody\r\n`, "latin1");
  });
const letter = fc.oneof({ weight: 3, arbitrary: linked }, { weight: 1, arbitrary: nastyMail });

test(
  "SORT and THREAD from the index answer what they answer from the letters themselves, however broken these are",
  inHome(async (home) => {
    const indexed = await clientOf(await home.open());
    const parsed = await clientOf(new MemoryStore());
    let number = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(letter, { minLength: 2, maxLength: 9 }), async (letters) => {
        const mailbox = `box${++number}`;
        for (const client of [indexed, parsed]) {
          await client.command("d", `CREATE ${mailbox}`);
          await append(client, mailbox, letters);
        }
        expect(await answers(indexed, mailbox)).toEqual(await answers(parsed, mailbox));
      }),
      { numRuns: 25 },
    );
  }),
);

const LETTERS = 100;

/** Takes away what this program adds to an index of the version before. */
function forgetSorting({ db }: TestHome): void {
  db.sqlite.exec(
    `DELETE FROM maildir_sorting;
     UPDATE maildir_state SET unsorted_to = (SELECT MAX(id) FROM maildir_content) WHERE only = 1`,
  );
}

function sorted({ db }: TestHome): unknown {
  return db.sqlite.prepare("SELECT COUNT(*) FROM maildir_sorting").pluck().get();
}

test(
  "a home of an earlier program is sorted the same before, while and after its index is completed, and after a crash meanwhile",
  inHome(async (home) => {
    const first = await home.open();
    const letters = Array.from({ length: LETTERS }, (_, at) =>
      Buffer.from(
        `Subject: Re: number ${(at * 7) % 40}\r\nFrom: p${at % 9} <p@x>\r\nMessage-ID: <${at}@x>\r\nReferences: <${at >> 1}@x>\r\n\r\n`,
      ),
    );
    const client = await clientOf(first);
    for (let at = 0; at < LETTERS; at += 9) await append(client, "INBOX", letters.slice(at, at + 9));
    const expected = await answers(client, "INBOX");
    const all = sorted(home);
    forgetSorting(home);
    await first.close();

    const second = await home.open();
    expect(sorted(home)).toBe(0);
    expect(await answers(await clientOf(second), "INBOX")).toEqual(expected);
    home.clock.advance(25);
    expect(sorted(home)).toBeGreaterThan(0);
    expect(sorted(home)).toBeLessThan(Number(all));
    expect(await answers(await clientOf(second), "INBOX")).toEqual(expected);

    // It is not closed: the program was killed.
    const third = await home.open();
    expect(await answers(await clientOf(third), "INBOX")).toEqual(expected);
    home.clock.advance(10_000);
    expect(sorted(home)).toBe(all);
    expect(await answers(await clientOf(third), "INBOX")).toEqual(expected);
    const inbox = third.mailbox("INBOX");
    await inbox?.expunge(inbox.uids());
    expect(sorted(home)).toBe(0);
    await third.close();
  }),
);

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { type ParsedMail, simpleParser } from "mailparser";
import { fetchAll, formatLetter, sendRaw } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { eventually } from "./eventually.ts";

const BRIDGE = "postern@postern.alt";

let scratch: string;
let alice: Person;
let bob: Person;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-by-mail-"));
  alice = await Person.create("alice", scratch);
  bob = await Person.create("bob", scratch);
  await Promise.all([alice.start(), bob.start()]);
}, 120_000);

afterAll(async () => {
  await Promise.all([alice?.stop(), bob?.stop()]);
  rmSync(scratch, { recursive: true, force: true });
});

let letters = 0;

async function send(from: Person, subject: string, body: string, header: Record<string, string> = {}, to = BRIDGE) {
  const smtp = from.smtp();
  const raw = formatLetter({ To: BRIDGE, Subject: subject, "Message-ID": `<${++letters}@laptop>`, ...header }, body);
  try {
    return await sendRaw(smtp, { from: from.account.address, to }, raw);
  } finally {
    smtp.close();
  }
}

async function inbox(who: Person): Promise<ParsedMail[]> {
  const client = await who.imap();
  try {
    return await Promise.all([...(await fetchAll(client)).values()].map((letter) => simpleParser(letter)));
  } finally {
    await client.logout();
  }
}

const answer = (who: Person, text: string) =>
  eventually(async () => (await inbox(who)).find((letter) => letter.text?.includes(text)));

const contactsOf = async (who: Person) =>
  (await who.command<{ contacts: { petname: string }[] }>("contacts")).contacts.map(({ petname }) => petname);

test("two people become contacts, and one of them not any more, by letters to their bridges alone", async () => {
  const once = { "Message-ID": "<invite@laptop>" };
  expect(await send(alice, "invite Bob", "", once)).toMatch(/^250 /);
  // A mail program that did not see the 250.
  await send(alice, "invite Bob", "", once);
  const invite = await answer(alice, "Give this link");
  expect(invite.subject).toBe("Re: invite Bob");
  expect(invite.attachments.map(({ contentType }) => contentType)).toEqual(["image/png"]);
  const { pending } = await alice.command<{ pending: unknown[] }>("contacts");
  expect(pending).toHaveLength(1);

  // As a mail program forwards it.
  const wrapped = (invite.text ?? "").replace(/(\S{72})(?=\S)/g, "$1\r\n").replace(/^/gm, "> ");
  await send(bob, "Fwd: invite Bob", `accept alice\r\n\r\n${wrapped}\r\n`);
  await answer(bob, "alice is your contact now");
  await eventually(async () => ((await contactsOf(alice)).includes("Bob") ? true : undefined));

  // A contact commands nothing, whatever the letter says.
  await send(bob, "remove Bob", "remove Bob\r\n", { From: BRIDGE, "Reply-To": BRIDGE }, "alice@postern.alt");
  const claim = await answer(alice, "remove Bob");
  expect(claim.from?.value[0]?.address).toBe(bob.account.address);
  expect(claim.replyTo).toBeUndefined();

  await send(alice, "remove Bob", "");
  const question = await answer(alice, "Answer this letter, and it is done.");
  expect(await contactsOf(alice)).toEqual(["Bob"]);
  await send(alice, `Re: ${question.subject}`, "", { "In-Reply-To": question.messageId ?? "" });
  await answer(alice, "Bob is no contact any more.");
  expect(await contactsOf(alice)).toEqual([]);
  // One answer for each command.
  const answered = (await inbox(alice)).filter((letter) => letter.headers.get("auto-submitted") === "auto-replied");
  expect(answered).toHaveLength(3);
}, 240_000);

test("what was taken before a kill -9 is answered after the next start, once", async () => {
  const asked = ["contacts", "queue", "help", "status"];
  await Promise.all(asked.map((subject) => send(alice, subject, "", { "Message-ID": `<${subject}@killed>` })));
  await alice.stop("SIGKILL");
  await alice.start();
  await Promise.all(asked.map((subject) => send(alice, subject, "", { "Message-ID": `<${subject}@killed>` })));
  const subjects = asked.map((subject) => `Re: ${subject}`).sort();
  const seen = async () =>
    (await inbox(alice)).map(({ subject }) => subject ?? "").filter((one) => subjects.includes(one));
  await eventually(async () => ((await seen()).length >= subjects.length ? true : undefined));
  expect((await seen()).sort()).toEqual(subjects);
}, 120_000);

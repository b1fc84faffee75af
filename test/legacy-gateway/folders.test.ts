import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { FOLDERS_INTERVAL, POLL_INTERVAL } from "../../legacy-gateway/limits.ts";
import type { Maildir } from "../../maildir/store.ts";
import { append, box, FakeClock, mail } from "../maildir/home.ts";
import { PASSWORD, Recipient, SomeProvider } from "./some-provider.ts";

let clock: FakeClock;
let provider: SomeProvider;
let ann: Recipient;
beforeEach(async () => {
  clock = new FakeClock();
  provider = await SomeProvider.start();
  ann = await Recipient.create({ clock });
  ann.gateway.start();
});
afterEach(async () => {
  await ann.close();
  await provider.stop();
});

async function setUp(): Promise<void> {
  await ann.gateway.add(provider.settings, PASSWORD);
  await ann.upToDate();
}

function letter(subject: string): string {
  return mail(subject, "Hello.\r\n", `Message-ID: <${subject}@old.example>\r\n`);
}

function subjects(maildir: Maildir, name: string): string[] {
  const mailbox = maildir.mailbox(name);
  if (mailbox === undefined) return [];
  return mailbox
    .headerFields(mailbox.uids(), new Set(["subject"]))
    .map((field) => field?.match(/Subject: (.*)/)?.[1] ?? "")
    .sort();
}

const laterOn = (): void => clock.advance(Math.max(FOLDERS_INTERVAL, POLL_INTERVAL));

test("a folder that is made at the provider while the connection stands comes with its letters", async () => {
  await setUp();
  await append(await provider.mail.create("Work"), letter("one"));
  laterOn();
  await ann.until("it is here", () => subjects(ann.mail, "Work").includes("one"));
});

test("a folder that is renamed at the provider is renamed here, with what is in it; nothing is fetched twice", async () => {
  const work = await provider.mail.create("Work");
  for (const subject of ["one", "two"]) await append(work, letter(subject));
  await setUp();
  const { id } = box(ann.mail, "Work");
  const before = box(ann.mail, "Work").uids();
  await provider.mail.rename("Work", "Jobs/Old");
  laterOn();
  await ann.until("it has the new name", () => ann.mail.mailbox("Jobs/Old") !== undefined);
  await append(box(provider.mail, "Jobs/Old"), letter("three"));
  laterOn();
  await ann.until("what comes later is here", () => subjects(ann.mail, "Jobs/Old").includes("three"));
  expect(box(ann.mail, "Jobs/Old").id).toBe(id);
  expect(box(ann.mail, "Jobs/Old").uids().slice(0, 2)).toEqual(before);
  expect(subjects(ann.mail, "Jobs/Old")).toEqual(["one", "three", "two"]);
  expect(ann.mail.mailbox("Work")).toBeUndefined();
});

test("of a folder that is removed at the provider the letters stay here; an empty one goes", async () => {
  await append(await provider.mail.create("Work"), letter("one"));
  await provider.mail.create("Empty");
  await setUp();
  for (const name of ["Work", "Empty"]) await provider.mail.remove(name);
  laterOn();
  await ann.until("the empty one is gone", () => ann.mail.mailbox("Empty") === undefined);
  await ann.upToDate();
  expect(subjects(ann.mail, "Work")).toEqual(["one"]);
});

test("a removed folder's letters that turn up elsewhere move there, however late", async () => {
  await append(await provider.mail.create("Work"), letter("one"));
  await setUp();
  await provider.mail.remove("Work");
  laterOn();
  await ann.until("it is not mirrored any more", () => ann.gateway.standings()[0]?.incoming.folders === 6);
  laterOn();
  await ann.upToDate();
  expect(subjects(ann.mail, "Work")).toEqual(["one"]);
  await append(box(provider.mail, "Archive"), letter("one"));
  laterOn();
  await ann.until("it is in the archive", () => subjects(ann.mail, "Archive").includes("one"));
  expect(subjects(ann.mail, "Work")).toEqual([]);
});

test("a letter that goes to another folder at the provider is looked for at once, and moved here", async () => {
  await append(box(provider.mail, "INBOX"), letter("one"));
  await provider.mail.create("Work");
  await setUp();
  // Longer ago than the soonest look, and long before the next one that is due anyway.
  clock.advance(POLL_INTERVAL / 2);
  await box(provider.mail, "INBOX").move([1], box(provider.mail, "Work"));
  await ann.until("it is in the other folder", () => subjects(ann.mail, "Work").includes("one"));
  expect(subjects(ann.mail, "INBOX")).toEqual([]);
});

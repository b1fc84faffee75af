import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { AccountSettings } from "../../legacy-gateway/accounts/account.ts";
import type { Maildir } from "../../maildir/store.ts";
import { append, box, flagsOf, mail, read } from "../maildir/home.ts";
import { PASSWORD, Recipient, SomeProvider } from "./some-provider.ts";

let provider: SomeProvider;
let ann: Recipient;
beforeEach(async () => {
  provider = await SomeProvider.start();
  ann = await Recipient.create();
  ann.gateway.start();
});
afterEach(async () => {
  await ann.close();
  await provider.stop();
});

async function setUp(settings: Partial<AccountSettings> = {}): Promise<void> {
  await ann.gateway.add({ ...provider.settings, ...settings }, PASSWORD);
  await ann.upToDate();
}

function letter(subject: string, body?: string): string {
  return mail(subject, body, `Message-ID: <${createHash("sha256").update(subject).digest("hex")}@old.example>\r\n`);
}

function subjects(maildir: Maildir, name: string): string[] {
  const mailbox = box(maildir, name);
  return mailbox
    .headerFields(mailbox.uids(), new Set(["subject"]))
    .map((field) => field?.match(/Subject: (.*)/)?.[1] ?? "");
}

/** Our UID of the letter. */
function uidOf(maildir: Maildir, name: string, subject: string): number {
  const uid = box(maildir, name).uids()[subjects(maildir, name).indexOf(subject)];
  if (uid === undefined) throw new Error(`no ${subject} in ${name}`);
  return uid;
}

test("letters come with folders, flags and dates, the newest first, and say by which road", async () => {
  const inbox = box(provider.mail, "INBOX");
  for (const [index, subject] of ["first", "second", "third"].entries())
    await inbox.append([
      {
        content: only(letter(subject)),
        flags: index === 1 ? ["\\Seen", "Later"] : [],
        internalDate: 1e12 + index * 1_000,
      },
    ]);
  await append(box(provider.mail, "Sent"), letter("sent"));
  await append(await provider.mail.create("Work/Old"), letter("old"));
  await setUp();
  expect(subjects(ann.mail, "INBOX").sort()).toEqual(["first", "second", "third"]);
  const second = uidOf(ann.mail, "INBOX", "second");
  expect(flagsOf(box(ann.mail, "INBOX"), second)?.toSorted()).toEqual(["$Legacy", "Later", "\\Seen"]);
  expect([...box(ann.mail, "INBOX").summaries([second])][0]?.internalDate).toBe(1e12 + 1_000);
  expect((await read(box(ann.mail, "INBOX"), second)).toString()).toBe(
    `Authentication-Results: postern.alt;\r\n x-postern=none (it came by e-mail) policy.road=legacy policy.account=ann@old.example\r\n${letter("second")}`,
  );
  expect(subjects(ann.mail, "Sent")).toEqual(["sent"]);
  expect(subjects(ann.mail, "Work/Old")).toEqual(["old"]);
});

test("what comes later is told by the provider and is here at once", async () => {
  await setUp();
  await append(box(provider.mail, "INBOX"), letter("new"));
  await ann.until("new is here", () => subjects(ann.mail, "INBOX").includes("new"));
});

test("folders of its own lie below the address, under our names for special uses", async () => {
  await append(box(provider.mail, "Trash"), letter("thrown away"));
  await setUp({ folders: "own" });
  expect(subjects(ann.mail, "ann@old.example/Trash")).toEqual(["thrown away"]);
  expect(box(ann.mail, "Trash").uids()).toEqual([]);
});

test("after a restart nothing comes twice, and what changed meanwhile on both sides is made up for", async () => {
  for (const subject of ["one", "two", "three"]) await append(box(provider.mail, "INBOX"), letter(subject));
  await setUp();
  await ann.gateway.close();
  const here = box(ann.mail, "INBOX");
  await here.changeFlags([uidOf(ann.mail, "INBOX", "one")], "add", ["\\Flagged"]);
  const there = box(provider.mail, "INBOX");
  await there.changeFlags([uidOf(provider.mail, "INBOX", "one")], "add", ["\\Answered"]);
  await there.expunge([uidOf(provider.mail, "INBOX", "two")]);
  await here.expunge([uidOf(ann.mail, "INBOX", "three")]);
  await append(there, letter("four"));
  await ann.restart();
  await ann.upToDate();
  expect(subjects(ann.mail, "INBOX").sort()).toEqual(["four", "one"]);
  await ann.until("three is gone there", () => subjects(provider.mail, "INBOX").length === 2);
  expect(subjects(provider.mail, "INBOX").sort()).toEqual(["four", "one"]);
  expect(flagsOf(box(ann.mail, "INBOX"), uidOf(ann.mail, "INBOX", "one"))?.toSorted()).toEqual([
    "$Legacy",
    "\\Answered",
    "\\Flagged",
  ]);
  await ann.until("the flag is there", () =>
    (flagsOf(there, uidOf(provider.mail, "INBOX", "one")) ?? []).includes("\\Flagged"),
  );
});

test("flags go both ways while it runs; what the bridge alone says does not go to the provider, nor come from it", async () => {
  await append(box(provider.mail, "INBOX"), letter("forged"), "$Verified", "$Legacy", "\\Seen");
  await setUp();
  const here = box(ann.mail, "INBOX");
  const there = box(provider.mail, "INBOX");
  const [local = 0] = here.uids();
  const [remote = 0] = there.uids();
  expect(flagsOf(here, local)?.toSorted()).toEqual(["$Legacy", "\\Seen"]);
  await here.changeFlags([local], "replace", ["\\Flagged", "$Label1", "$Verified"]);
  await ann.until("told", () => (flagsOf(there, remote) ?? []).includes("$Label1"));
  await ann.until("told all", () => !(flagsOf(there, remote) ?? []).includes("\\Seen"));
  expect(flagsOf(there, remote)?.toSorted()).toEqual(["$Label1", "$Legacy", "$Verified", "\\Flagged"]);
  await there.changeFlags([remote], "remove", ["\\Flagged"]);
  await ann.until("taken over", () => !(flagsOf(here, local) ?? []).includes("\\Flagged"));
});

test("a letter that is moved here is moved there, and the other way round; it stays the same letter", async () => {
  for (const subject of ["up", "down"]) await append(box(provider.mail, "INBOX"), letter(subject));
  await setUp();
  await box(ann.mail, "INBOX").move([uidOf(ann.mail, "INBOX", "up")], box(ann.mail, "Archive"));
  await ann.until("moved there", () => subjects(provider.mail, "Archive").includes("up"));
  expect(subjects(provider.mail, "INBOX")).toEqual(["down"]);
  await box(provider.mail, "INBOX").move([uidOf(provider.mail, "INBOX", "down")], box(provider.mail, "Archive"));
  await ann.gateway.close();
  await ann.restart();
  await ann.until("moved here", () => subjects(ann.mail, "Archive").includes("down"));
  await ann.upToDate();
  expect(subjects(ann.mail, "Archive").sort()).toEqual(["down", "up"]);
  expect(subjects(ann.mail, "INBOX")).toEqual([]);
});

test("what did not come from the provider never goes there, wherever it is moved to", async () => {
  await setUp();
  await append(box(ann.mail, "INBOX"), letter("from the overlay"));
  await box(ann.mail, "INBOX").move([1], box(ann.mail, "Trash"));
  await append(box(provider.mail, "INBOX"), letter("a sign"));
  await ann.until("a sign is here", () => subjects(ann.mail, "INBOX").includes("a sign"));
  await box(ann.mail, "INBOX").changeFlags(box(ann.mail, "INBOX").uids(), "add", ["\\Seen"]);
  await ann.until("told", () => (flagsOf(box(provider.mail, "INBOX"), 1) ?? []).includes("\\Seen"));
  expect(provider.mail.mailboxes().flatMap(({ name }) => subjects(provider.mail, name))).toEqual(["a sign"]);
});

test("after the provider numbered a folder anew nothing is twice, and nothing is lost", async () => {
  const work = await provider.mail.create("Work");
  for (const subject of ["one", "two"]) await append(work, letter(subject));
  await setUp();
  await ann.gateway.close();
  await provider.mail.remove("Work");
  const again = await provider.mail.create("Work");
  for (const subject of ["three", "two", "one"]) await append(again, letter(subject));
  await again.changeFlags([3], "add", ["\\Seen"]);
  await ann.restart();
  await ann.upToDate();
  expect(subjects(ann.mail, "Work").sort()).toEqual(["one", "three", "two"]);
  expect(flagsOf(box(ann.mail, "Work"), uidOf(ann.mail, "Work", "one"))).toContain("\\Seen");
});

test("letters are removed at the provider once they are here, and stay here", async () => {
  for (const subject of ["one", "two"]) await append(box(provider.mail, "INBOX"), letter(subject));
  await append(box(provider.mail, "Drafts"), letter("a draft"));
  await setUp({ keeping: { kind: "delete", afterDays: 0 } });
  await ann.until("removed there", () => box(provider.mail, "INBOX").uids().length === 0);
  await ann.upToDate();
  expect(subjects(ann.mail, "INBOX").sort()).toEqual(["one", "two"]);
  expect(subjects(provider.mail, "Drafts")).toEqual(["a draft"]);
});

test("a letter whose file here is damaged stays at the provider", async () => {
  await append(box(provider.mail, "INBOX"), letter("precious"));
  await setUp();
  await ann.gateway.close();
  const { writeFileSync } = await import("node:fs");
  for (const file of ann.home.messageFiles()) writeFileSync(file, "nothing");
  ann.home.db.sqlite
    .prepare(
      'UPDATE gateway_account SET settings = json_set(settings, \'$.keeping\', json(\'{"kind":"delete","afterDays":0}\'))',
    )
    .run();
  await ann.restart();
  await ann.upToDate();
  expect(subjects(provider.mail, "INBOX")).toEqual(["precious"]);
});

test("when most of a folder vanishes at the provider at once, it is kept here and the user is told", async () => {
  const there = box(provider.mail, "INBOX");
  await there.append(
    Array.from({ length: 60 }, (_, index) => ({ content: only(letter(`letter ${index}`)), flags: [] })),
  );
  await setUp();
  await there.expunge(there.uids().slice(1));
  await ann.until("the user is told", () => ann.notices.length > 0);
  expect(box(ann.mail, "INBOX").uids()).toHaveLength(60);
  expect(ann.notices[0]?.text).toContain("59 letters of the folder INBOX");
});

test("a folder that is removed here does not come back, and stays at the provider", async () => {
  await append(await provider.mail.create("Work"), letter("one"));
  await setUp();
  await ann.mail.remove("Work");
  await append(box(provider.mail, "INBOX"), letter("a sign"));
  await ann.until("a sign is here", () => subjects(ann.mail, "INBOX").includes("a sign"));
  await ann.restart();
  await ann.upToDate();
  expect(ann.mail.mailbox("Work")).toBeUndefined();
  expect(subjects(provider.mail, "Work")).toEqual(["one"]);
});

test("a long letter comes in pieces, octet for octet", async () => {
  const long = letter("long", `${"0123456789abcdef".repeat(40)}\r\n`.repeat(4_000));
  await append(box(provider.mail, "INBOX"), long);
  await setUp();
  const content = (await read(box(ann.mail, "INBOX"), 1)).toString("latin1");
  expect(content.endsWith(long)).toBe(true);
});

test("a wrong password is told with what to do, and the account is not kept", async () => {
  await expect(ann.gateway.add(provider.settings, { kind: "password", password: "wrong" })).rejects.toMatchObject({
    code: "forbidden",
    message: expect.stringContaining("app password"),
  });
  expect(ann.gateway.standings()).toEqual([]);
});

test("a paused account rests until it is resumed; a removed one leaves what it brought", async () => {
  await append(box(provider.mail, "INBOX"), letter("before"));
  await setUp();
  await ann.gateway.pause("ANN@old.example");
  await append(box(provider.mail, "INBOX"), letter("meanwhile"));
  expect(ann.gateway.standings()[0]?.incoming.state).toEqual({ kind: "off" });
  ann.gateway.resume("ann@old.example");
  await ann.until("meanwhile is here", () => subjects(ann.mail, "INBOX").includes("meanwhile"));
  await ann.gateway.remove("ann@old.example");
  expect(ann.gateway.standings()).toEqual([]);
  expect(subjects(ann.mail, "INBOX").sort()).toEqual(["before", "meanwhile"]);
});

async function* only(text: string): AsyncGenerator<Buffer> {
  yield Buffer.from(text, "latin1");
}

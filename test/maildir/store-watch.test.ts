import { afterEach, beforeEach, expect, test } from "@jest/globals";
import type { MaildirChange } from "../../maildir/message.ts";
import type { Maildir, MaildirMailbox } from "../../maildir/store.ts";
import { TestHome } from "./home.ts";

let home: TestHome;
let maildir: Maildir;
let heard: unknown[];
let stop: () => void;

/** Mailboxes by their names. */
function note(change: MaildirChange<MaildirMailbox>): void {
  heard.push(change.kind === "messages" ? { ...change.change, in: change.mailbox.name } : change);
}

beforeEach(async () => {
  home = new TestHome();
  maildir = await home.open();
  heard = [];
  stop = maildir.watch(note);
});

afterEach(async () => {
  await maildir.close();
  home.remove();
});

function mailbox(name: string): MaildirMailbox {
  const found = maildir.mailbox(name);
  if (found === undefined) throw new Error(`no mailbox ${name}`);
  return found;
}

async function* content() {
  yield Buffer.from("Subject: x\r\n\r\nabc");
}

test("whoever watches the store hears of new, renamed and removed mailboxes and of subscriptions, with who did it", async () => {
  const origin = {};
  await maildir.create("One/Two", undefined, origin);
  await maildir.rename("One", "Three/Four", origin);
  await maildir.setSubscribed("Three", true, origin);
  await maildir.setSubscribed("Three", true, origin);
  await maildir.remove("Three/Four", origin);
  expect(heard).toEqual([
    { kind: "created", name: "One", origin },
    { kind: "created", name: "One/Two", origin },
    { kind: "created", name: "Three", origin },
    { kind: "renamed", from: "One", to: "Three/Four", origin },
    { kind: "subscription", name: "Three", origin },
    { kind: "removed", in: "Three/Four" },
    { kind: "removed", name: "Three/Four", origin },
  ]);
});

test("renaming INBOX is told as a renaming, and as its messages going", async () => {
  await mailbox("INBOX").append([{ content: content(), flags: [] }]);
  heard = [];
  const origin = {};
  await maildir.rename("INBOX", "Old/Inbox", origin);
  expect(heard).toEqual([
    { kind: "created", name: "Old", origin },
    { kind: "expunged", uids: [1], modSeq: expect.any(Number), origin, in: "INBOX" },
    { kind: "renamed", from: "INBOX", to: "Old/Inbox", origin },
  ]);
});

test("whoever watches the store hears of messages in every mailbox, until it no longer wants to", async () => {
  await mailbox("INBOX").append([{ content: content(), flags: [] }]);
  await mailbox("INBOX").move([1], mailbox("Trash"));
  await mailbox("Trash").changeFlags([1], "add", ["\\Seen"]);
  stop();
  await mailbox("Trash").expunge([1]);
  await maildir.create("Later");
  expect(heard).toEqual([
    { kind: "added", uids: [1], in: "INBOX" },
    { kind: "added", uids: [1], in: "Trash" },
    { kind: "expunged", uids: [1], modSeq: expect.any(Number), in: "INBOX" },
    { kind: "flags", uids: [1], modSeq: expect.any(Number), in: "Trash" },
  ]);
});

test("what fails is not told", async () => {
  await expect(maildir.create("INBOX")).rejects.toMatchObject({ code: "already-exists" });
  await expect(maildir.remove("nothing")).rejects.toMatchObject({ code: "nonexistent" });
  await expect(maildir.rename("nothing", "something")).rejects.toMatchObject({ code: "nonexistent" });
  expect(heard).toEqual([]);
});

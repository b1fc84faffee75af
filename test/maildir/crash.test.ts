import { readdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "@jest/globals";
import { StoredMailbox } from "../../maildir/stored-mailbox.ts";
import { append, box, flagsOf, inHome, mail, pieces, read, type TestHome } from "./home.ts";

/** Every test here opens the home again without closing it, as after a kill. */

async function reopened(home: TestHome) {
  const maildir = await home.open();
  return { maildir, inbox: box(maildir, "INBOX") };
}

test(
  "what was appended is there after a crash, and its file gets its name",
  inHome(async (home) => {
    await append(box(await home.open(), "INBOX"), mail("kept"), "\\Seen");
    expect(home.messageFiles("/new/")).toHaveLength(1);
    const { inbox } = await reopened(home);
    expect((await read(inbox, 1)).toString()).toBe(mail("kept"));
    expect(home.messageFiles()).toEqual([expect.stringMatching(/\/cur\/[a-z2-7]{26}:2,S$/)]);
  }),
);

test(
  "what was staged but never committed is gone after a crash, and can be staged again",
  inHome(async (home) => {
    const name = Buffer.from("letter");
    await (await home.open()).stage(pieces(mail("lost")), { name });
    const { maildir, inbox } = await reopened(home);
    expect(home.messageFiles()).toEqual([]);
    const staged = await maildir.stage(pieces(mail("again")), { name });
    const uid = maildir.insert(inbox.id, staged, { flags: [] });
    expect((await read(inbox, uid)).toString()).toBe(mail("again"));
  }),
);

test(
  "half a file in tmp is removed",
  inHome(async (home) => {
    const maildir = await home.open();
    let go = (): void => undefined;
    const content = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.alloc(1_200_000);
      await new Promise<void>((resolve) => (go = resolve));
    };
    const appending = box(maildir, "INBOX").append([{ content: content(), flags: [] }]);
    while (home.messageFiles("/tmp/").length === 0) await new Promise((resolve) => setImmediate(resolve));
    await reopened(home);
    expect(home.messageFiles()).toEqual([]);
    go();
    await expect(appending).rejects.toMatchObject({ code: "nonexistent" });
  }),
);

test(
  "a message that was inserted elsewhere than it was staged survives a crash before it moved",
  inHome(async (home) => {
    const maildir = await home.open();
    const staged = await maildir.stage(pieces(mail("x")));
    maildir.insert(box(maildir, "Sent").id, staged, { flags: [] });
    const again = await home.open();
    expect((await read(box(again, "Sent"), 1)).toString()).toBe(mail("x"));
    await maildir.close();
    expect((await read(box(again, "Sent"), 1)).toString()).toBe(mail("x"));
  }),
);

test(
  "flags that the file's name does not tell yet are right after a crash, and all names are put right by the first read",
  inHome(async (home) => {
    const first = await home.open();
    for (let message = 0; message < 3; message++) await append(box(first, "INBOX"), mail(`${message}`));
    await first.close();
    await box(first, "INBOX").changeFlags([1, 2, 3], "add", ["\\Flagged"]);
    expect(home.messageFiles(":2,F")).toEqual([]);
    const { maildir, inbox } = await reopened(home);
    expect(flagsOf(inbox, 2)).toEqual(["\\Flagged"]);
    expect((await read(inbox, 2)).toString()).toBe(mail("1"));
    await maildir.close();
    expect(home.messageFiles(":2,F")).toHaveLength(3);
  }),
);

test(
  "a file that somebody else renamed is found",
  inHome(async (home) => {
    const maildir = await home.open();
    await append(box(maildir, "INBOX"), mail("x"));
    await maildir.close();
    const [path = ""] = home.messageFiles();
    renameSync(path, `${path}T`);
    expect((await read(box(maildir, "INBOX"), 1)).toString()).toBe(mail("x"));
    await maildir.close();
    expect(home.messageFiles()).toEqual([path]);
  }),
);

test(
  "files of expunged messages and folders of removed mailboxes are removed by the next start",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("a"));
    await append(inbox, mail("b"));
    await append(await maildir.create("gone"), mail("c"));
    await maildir.close();
    const [, ...folders] = readdirSync(join(home.path, "mail"));
    expect(folders).toHaveLength(6);
    // Both commits are done, the removal that follows them has not begun.
    void inbox.expunge([1]);
    void maildir.remove("gone");
    await new Promise<void>((resolve) => {
      const stop = inbox.watch((change) => {
        if (change.kind !== "expunged") return;
        stop();
        resolve();
      });
    });
    const again = await home.open();
    await again.close();
    await maildir.close();
    expect(home.messageFiles().length).toBeLessThanOrEqual(2);
    expect((await read(box(again, "INBOX"), 2)).toString()).toBe(mail("b"));
    const last = await home.open();
    await last.close();
    expect(last.mailboxes()).toHaveLength(6);
    expect(readdirSync(join(home.path, "mail"))).toHaveLength(6);
    expect(home.messageFiles()).toHaveLength(1);
  }),
);

test(
  "UIDs, UIDVALIDITY, MODSEQs and the log of expunged messages outlive crashes; UIDs are never given twice",
  inHome(async (home) => {
    const first = box(await home.open(), "INBOX");
    for (let message = 0; message < 5; message++) await append(first, mail(`${message}`));
    await first.changeFlags([2], "add", ["\\Seen"]);
    await first.expunge([5, 4]);
    const before = [first.uidValidity, first.id, [...first.summaries(first.uids())]];
    const { uidNext, highestModSeq, ...counts } = first.status();
    const { inbox } = await reopened(home);
    expect([inbox.uidValidity, inbox.id, [...inbox.summaries(inbox.uids())]]).toEqual(before);
    expect(inbox.status()).toMatchObject(counts);
    expect(inbox.expungedSince(7)).toEqual([4, 5]);
    // A power cut may have undone what a session saw: numbers that it may have seen are skipped.
    expect(inbox.status().highestModSeq).toBeGreaterThan(highestModSeq);
    expect(await append(inbox, mail("new"))).toBeGreaterThan(uidNext);
  }),
);

test(
  "files that no row names are left alone in cur: an index that was lost does not cost mail",
  inHome(async (home) => {
    const maildir = await home.open();
    await append(box(maildir, "INBOX"), mail("x"));
    await maildir.close();
    const stranger = join(dirname(home.messageFiles()[0] ?? ""), "stranger:2,");
    writeFileSync(stranger, "x");
    await (await home.open()).close();
    expect(home.messageFiles()).toContain(stranger);
  }),
);

test(
  "a rename that a crash interrupted before its folder was described anew is described at the next start",
  inHome(async (home) => {
    const maildir = await home.open();
    await maildir.create("a");
    home.db.sqlite.prepare("UPDATE maildir_mailbox SET name = 'b', described = 0 WHERE name = 'a'").run();
    const again = await home.open();
    expect(again.mailbox("b")).toBeDefined();
    expect(home.db.sqlite.prepare("SELECT COUNT(*) FROM maildir_mailbox WHERE described = 0").pluck().get()).toBe(0);
  }),
);

test(
  "after an orderly end no number is skipped",
  inHome(async (home) => {
    const maildir = await home.open();
    await append(box(maildir, "INBOX"), mail("first"));
    const before = box(maildir, "INBOX").status();
    await maildir.close();
    const { inbox } = await reopened(home);
    expect(inbox.status()).toEqual(before);
    expect(await append(inbox, mail("second"))).toBe(2);
  }),
);

test(
  "a message whose name a crash left behind its flags goes with its file when it is expunged",
  inHome(async (home) => {
    const first = await home.open();
    const before = box(first, "INBOX");
    const uid = await append(before, mail("goes"));
    home.clock.advance(1_000);
    expect(home.messageFiles()).toEqual([expect.stringMatching(/:2,$/)]);
    await before.changeFlags([uid], "add", ["\\Seen"]);
    const { maildir, inbox } = await reopened(home);
    expect(home.messageFiles()).toEqual([expect.stringMatching(/:2,$/)]);
    await inbox.expunge([uid]);
    await maildir.close();
    expect(home.messageFiles()).toEqual([]);
  }),
);

test(
  "a message that is expunged just before INBOX gets another folder goes with its file",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    if (!(inbox instanceof StoredMailbox)) throw new Error("not of this store");
    const uid = await append(inbox, mail("goes"));
    home.clock.advance(1_000);
    const { folder } = inbox;
    // As a renaming of INBOX does that shares the commit: the folder changes before the sync is over.
    await home.db.commit(() => {
      inbox.takeOut([uid]);
      home.db.afterCommit(() => inbox.relocated("elsewhere"));
    });
    inbox.relocated(folder);
    await maildir.close();
    expect(home.messageFiles()).toEqual([]);
  }),
);

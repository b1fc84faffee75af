import { readdirSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { checkMail } from "../../maildir/check.ts";
import { rebuildIndex } from "../../maildir/rebuild.ts";
import type { Maildir } from "../../maildir/store.ts";
import { append, box, inHome, mail, pieces, read, type TestHome } from "./home.ts";

async function rebuilt(home: TestHome, lastUidValidity?: number) {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(home.path, `state.db${suffix}`), { force: true });
  const { vaultKey, path } = home;
  const db = home.openDatabase();
  const progress: number[] = [];
  const result = await rebuildIndex({
    db,
    home: path,
    vaultKey,
    now: home.clock.now(),
    onProgress: ({ done }) => progress.push(done),
    ...(lastUidValidity !== undefined && { lastUidValidity }),
  });
  db.close();
  return { result, progress, maildir: await home.open() };
}

/** All that must survive the index, without UIDs. */
async function known(maildir: Maildir) {
  const all = [];
  for (const mailbox of maildir.mailboxes()) {
    const letters = [];
    for (const { uid, flags, internalDate, size, emailId } of mailbox.summaries(mailbox.uids()))
      letters.push({
        flags: flags.toSorted(),
        internalDate,
        size,
        emailId,
        envelope: mailbox.envelopes([uid])[0],
        content: (await read(mailbox, uid)).toString(),
      });
    letters.sort((a, b) => (a.content < b.content ? -1 : 1));
    all.push({ id: mailbox.id, name: mailbox.name, use: mailbox.specialUse, letters });
  }
  return all;
}

test(
  "an index that was lost is made anew from the files: names, uses, ids, flags, dates, sizes, contents",
  inHome(async (home) => {
    const before = await home.open();
    await before.create("Work/Ünïcode");
    await before.rename("Archive", "Kept");
    const inbox = box(before, "INBOX");
    await append(inbox, mail("seen"), "\\Seen", "\\Flagged");
    await inbox.append([
      { content: pieces(mail("old", "x".repeat(200_000))), flags: [], internalDate: 1_000_000_000_123 },
    ]);
    await append(box(before, "Work/Ünïcode"), mail("deep"), "\\Answered", "$Forwarded");
    await inbox.copy([1], box(before, "Kept"));
    const validities = new Map(before.mailboxes().map(({ id, uidValidity }) => [id, uidValidity]));
    await before.close();
    const expected = await known(before);
    home.db.close();

    const { result, progress, maildir } = await rebuilt(home);
    expect(result).toEqual({ mailboxes: 8, letters: 4, unreadable: [], renamed: [] });
    expect(progress).toEqual([1, 2, 3, 4]);
    expect(await known(maildir)).toEqual(expected);
    for (const { id, uidValidity } of maildir.mailboxes()) expect(uidValidity).toBeGreaterThan(validities.get(id) ?? 0);
    // The older letter comes first, and copies are of one thread.
    const [first, second] = [...box(maildir, "INBOX").summaries([1, 2])];
    expect(first?.internalDate).toBe(1_000_000_000_123);
    expect([...box(maildir, "Kept").summaries([1])][0]?.threadId).toBe(second?.threadId);
    await append(box(maildir, "INBOX"), mail("next"));
    expect(box(maildir, "INBOX").uids()).toEqual([1, 2, 3]);
    await maildir.close();
  }),
);

test(
  "UIDVALIDITY is above any that was given, also where the clock stands",
  inHome(async (home) => {
    await (await home.open()).close();
    home.db.close();
    const { maildir } = await rebuilt(home, 3_000_000_000);
    for (const { uidValidity } of maildir.mailboxes()) expect(uidValidity).toBeGreaterThan(3_000_000_000);
    await maildir.close();
  }),
);

test(
  "files that do not open are told and left, in new too; folders that do not tell their name keep their letters",
  inHome(async (home) => {
    const before = await home.open();
    await append(box(before, "INBOX"), mail("damaged"));
    await append(box(before, "Sent"), mail("nameless"));
    await append(box(before, "Trash"), mail("fresh"));
    await before.close();
    const folderOf = (name: string): string =>
      home.db.sqlite.prepare<[string], string>("SELECT folder FROM maildir_mailbox WHERE name = ?").pluck().get(name) ??
      "";
    const [broken = "", fresh = ""] = ["INBOX", "Trash"].map((name) => home.messageFiles(`/${folderOf(name)}/`)[0]);
    const nameless = folderOf("Sent");
    home.db.close();
    truncateSync(broken, 1_000);
    rmSync(fresh);
    writeFileSync(fresh.replace("/cur/", "/new/").replace(":2,", ""), "no age file");
    writeFileSync(join(home.path, "mail", nameless, "mailbox.age"), "no age file");

    const { result, maildir } = await rebuilt(home);
    expect(result).toMatchObject({ letters: 1, renamed: ["Recovered"] });
    expect(result.unreadable).toHaveLength(2);
    for (const path of result.unreadable) expect(statSync(join(home.path, path)).isFile()).toBe(true);
    expect((await read(box(maildir, "Recovered"), 1)).toString()).toBe(mail("nameless"));
    expect(box(maildir, "INBOX").uids()).toEqual([]);
    await maildir.close();
  }),
);

test(
  "a check finds files that are missing, damaged, not listed or misnamed, and nothing in a whole home",
  inHome(async (home) => {
    const maildir = await home.open();
    for (const subject of ["a", "b", "c", "d"]) await append(box(maildir, "INBOX"), mail(subject));
    await maildir.close();
    const check = (deep: boolean) => checkMail({ db: home.db, home: home.path, vaultKey: home.vaultKey, deep });
    expect(await check(true)).toEqual({ mailboxes: 6, letters: 4, problems: [] });

    const [missing = "", damaged = "", misnamed = ""] = home.messageFiles();
    rmSync(missing);
    truncateSync(damaged, 1_000);
    renameSync(misnamed, `${misnamed}S`);
    writeFileSync(join(missing, "..", "stranger:2,"), "x");
    const kinds = (problems: readonly { kind: string }[]) => problems.map(({ kind }) => kind).sort();
    expect(kinds((await check(false)).problems)).toEqual(["misnamed", "missing", "unlisted"]);
    const { problems } = await check(true);
    expect(kinds(problems)).toEqual(["damaged", "misnamed", "missing", "unlisted"]);
    expect(problems.find(({ kind }) => kind === "missing")).toMatchObject({
      mailbox: "INBOX",
      uid: expect.any(Number),
    });
    expect(readdirSync(join(missing, ".."))).toHaveLength(4);
  }),
);

test(
  "what a crash left behind, and the next start removes, is nothing that a check finds",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await maildir.create("Gone");
    await append(box(maildir, "Gone"), mail("in a mailbox that was removed"));
    const [inGone = ""] = home.messageFiles();
    await append(inbox, mail("expunged"));
    const [expunged = ""] = home.messageFiles().filter((path) => path !== inGone);
    await maildir.close();
    const db = home.db.sqlite;
    const [folder = "", , name = ""] = expunged.split("/").slice(-3);
    const [goneFolder = ""] = inGone.split("/").slice(-3);
    db.prepare("INSERT INTO maildir_garbage (folder, file) VALUES (?, ?), (?, NULL)").run(
      folder,
      name.replace(/:.*/, ""),
      goneFolder,
    );
    db.exec("DELETE FROM maildir_message; DELETE FROM maildir_mailbox WHERE name = 'Gone'");
    writeFileSync(join(expunged, "..", "..", "new", "never-committed"), "x");
    const check = () => checkMail({ db: home.db, home: home.path, vaultKey: home.vaultKey, deep: true });
    expect((await check()).problems).toEqual([]);
    await (await home.open()).close();
    expect(home.messageFiles()).toEqual([]);
    expect((await check()).problems).toEqual([]);
  }),
);

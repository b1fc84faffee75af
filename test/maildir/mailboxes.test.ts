import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { VaultKey } from "../../maildir/age/vault-key.ts";
import { readDescription } from "../../maildir/folder-description.ts";
import type { Maildir } from "../../maildir/store.ts";
import { append, box, inHome, mail, read, type TestHome } from "./home.ts";

const DEFAULTS = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"];

function ownNames(maildir: Maildir): string[] {
  return maildir
    .mailboxes()
    .map(({ name }) => name)
    .filter((name) => !DEFAULTS.includes(name));
}

async function describedNames(home: TestHome): Promise<string[]> {
  const root = join(home.path, "mail");
  const vault = new VaultKey(home.vaultKey);
  const all = await Promise.all(readdirSync(root).map((folder) => readDescription(join(root, folder), vault)));
  return all.map((description) => description?.name ?? "?").sort();
}

test(
  "names are compared in NFC, INBOX in any case, and superior levels are created too",
  inHome(async (home) => {
    const maildir = await home.open();
    const created = await maildir.create("Cafe\u0301/Rechnungen/");
    expect(created.name).toBe("Caf\u00e9/Rechnungen");
    expect(ownNames(maildir)).toEqual(["Caf\u00e9", "Caf\u00e9/Rechnungen"]);
    expect(maildir.mailbox("Caf\u00e9/Rechnungen")).toBe(created);
    expect(maildir.mailboxById(created.id)).toBe(created);
    expect(maildir.mailbox("inbox")).toBe(maildir.mailbox("INBOX"));
    expect((await maildir.create("inbox/lists")).name).toBe("INBOX/lists");
    await expect(maildir.create("Cafe\u0301")).rejects.toMatchObject({ code: "already-exists" });
    await expect(maildir.create("InBox")).rejects.toMatchObject({ code: "already-exists" });
  }),
);

test.each(["", "/", "a//b", "/a", "a\u0000b", "a\nb", "\ud800", "x".repeat(256), "x/".repeat(600) + "x"])(
  "no mailbox is called %j",
  (name) =>
    inHome(async (home) => {
      const maildir = await home.open();
      await expect(async () => maildir.create(name)).rejects.toMatchObject({ code: "invalid" });
      await expect(async () => maildir.rename("Trash", name)).rejects.toMatchObject({ code: "invalid" });
    })(),
);

test(
  "a special use belongs to one mailbox",
  inHome(async (home) => {
    const maildir = await home.open();
    await expect(maildir.create("Gesendet", "\\Sent")).rejects.toMatchObject({ code: "invalid" });
    await maildir.remove("Sent");
    const created = await maildir.create("Gesendet", "\\Sent");
    expect(maildir.specialUse("\\Sent")).toBe(created);
  }),
);

test(
  "a removed mailbox takes messages and files along; children and subscriptions stay",
  inHome(async (home) => {
    const maildir = await home.open();
    const [parent, child] = [await maildir.create("a"), await maildir.create("a/b")];
    await append(parent, mail("x"));
    await append(child, mail("y"));
    await maildir.setSubscribed("a", true);
    await maildir.remove("a");
    await maildir.close();
    expect(ownNames(maildir)).toEqual(["a/b"]);
    expect(maildir.mailboxById(parent.id)).toBeUndefined();
    expect(maildir.subscriptions().has("a")).toBe(true);
    expect(home.messageFiles()).toHaveLength(1);
    expect(() => parent.status()).toThrow(expect.objectContaining({ code: "nonexistent" }));
    await expect(append(parent, mail("z"))).rejects.toMatchObject({ code: "nonexistent" });
    await expect(child.copy([1], parent)).rejects.toMatchObject({ code: "nonexistent" });
    await expect(maildir.remove("a")).rejects.toMatchObject({ code: "nonexistent" });
    await expect(maildir.remove("inbox")).rejects.toMatchObject({ code: "forbidden" });
    expect((await read(child, 1)).toString()).toBe(mail("y"));
    const again = await maildir.create("a");
    expect(again.uidValidity).toBeGreaterThan(parent.uidValidity);
    expect(again.id).not.toBe(parent.id);
  }),
);

test(
  "a renamed mailbox is the same mailbox, and its children move along",
  inHome(async (home) => {
    const maildir = await home.open();
    const [parent, child] = [await maildir.create("a"), await maildir.create("a/b/c")];
    await append(child, mail("x"));
    const before = [child.id, child.uidValidity, child.uids()];
    await maildir.rename("a", "new/place");
    expect(ownNames(maildir)).toEqual(["new", "new/place", "new/place/b", "new/place/b/c"]);
    expect(maildir.mailbox("new/place")).toBe(parent);
    expect([child.id, child.uidValidity, child.uids()]).toEqual(before);
    const again = await home.open();
    expect(ownNames(again)).toEqual(ownNames(maildir));
    expect((await read(box(again, "new/place/b/c"), 1)).toString()).toBe(mail("x"));
    expect(await describedNames(home)).toEqual([...DEFAULTS, ...ownNames(maildir)].sort());
  }),
);

test(
  "a rename into a name that is taken, into itself or of nothing changes nothing",
  inHome(async (home) => {
    const maildir = await home.open();
    for (const name of ["a", "a/b", "c", "d/b"]) await maildir.create(name);
    const before = ownNames(maildir);
    await expect(maildir.rename("a", "c")).rejects.toMatchObject({ code: "already-exists" });
    await expect(maildir.rename("a", "a/b/x")).rejects.toMatchObject({ code: "invalid" });
    await expect(maildir.rename("nothing", "x")).rejects.toMatchObject({ code: "nonexistent" });
    await maildir.remove("d");
    await expect(maildir.rename("a", "d")).rejects.toMatchObject({ code: "already-exists" });
    expect(ownNames(maildir)).toEqual(before.filter((name) => name !== "d"));
    await maildir.rename("d", "e");
    expect(ownNames(maildir)).toContain("e/b");
    await maildir.rename("a/b", "b");
    await maildir.remove("a");
    await maildir.create("a/b/c/d");
    await maildir.remove("a");
    await maildir.rename("a/b", "a");
    expect(ownNames(maildir)).toEqual(["a", "a/c", "a/c/d", "b", "c", "e/b"]);
  }),
);

test(
  "renaming INBOX moves its messages to a new mailbox, and INBOX goes on",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await maildir.create("INBOX/child");
    await append(inbox, mail("x"), "$Work");
    await append(inbox, mail("y"));
    const { uidValidity, id } = inbox;
    const events: unknown[] = [];
    inbox.watch((change) => events.push(change));
    await maildir.rename("INBOX", "old mail");
    const old = box(maildir, "old mail");
    expect(box(maildir, "INBOX")).toBe(inbox);
    expect([inbox.id, inbox.uidValidity, inbox.uids(), inbox.status().uidNext]).toEqual([id, uidValidity, [], 3]);
    expect(events).toEqual([{ kind: "expunged", uids: [1, 2], modSeq: 4 }]);
    expect(inbox.expungedSince(3)).toEqual([1, 2]);
    expect(old.uidValidity).not.toBe(uidValidity);
    expect(old.keywords()).toEqual(["$Work"]);
    expect(maildir.mailbox("INBOX/child")).toBeDefined();
    expect(await append(inbox, mail("z"))).toBe(3);
    expect(await append(old, mail("w"))).toBe(3);
    await maildir.close();
    const again = await home.open();
    expect((await read(box(again, "old mail"), 1)).toString()).toBe(mail("x"));
    expect((await read(box(again, "INBOX"), 3)).toString()).toBe(mail("z"));
    expect(await describedNames(home)).toEqual([...DEFAULTS, "INBOX/child", "old mail"].sort());
  }),
);

test(
  "UIDVALIDITY grows even if the clock goes back",
  inHome(async (home) => {
    const maildir = await home.open();
    const first = (await maildir.create("a")).uidValidity;
    await maildir.remove("a");
    home.clock.time = 0;
    expect((await maildir.create("a")).uidValidity).toBeGreaterThan(first);
  }),
);

test(
  "subscriptions may name what does not exist, and last",
  inHome(async (home) => {
    const maildir = await home.open();
    await maildir.setSubscribed("inbox/nothing", true);
    await maildir.setSubscribed("Junk", false);
    const expected = new Set(["INBOX/nothing", ...DEFAULTS.filter((name) => name !== "Junk")]);
    expect(maildir.subscriptions()).toEqual(expected);
    expect((await home.open()).subscriptions()).toEqual(expected);
  }),
);

test(
  "creating many mailboxes at the same time creates each once",
  inHome(async (home) => {
    const maildir = await home.open();
    const names = Array.from({ length: 20 }, (_, index) => `p/q${index % 10}`);
    const results = await Promise.allSettled(names.map((name) => maildir.create(name)));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(10);
    expect(ownNames(maildir)).toHaveLength(11);
  }),
);

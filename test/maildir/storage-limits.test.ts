import { spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { silentLogger } from "../../foundation/logger.ts";
import { openMaildir } from "../../maildir/open.ts";
import { append, box, inHome, mail, pieces, read } from "./home.ts";

test(
  "a full database refuses with a name, and nothing is half-stored",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("before"));
    const pages = home.db.sqlite.pragma("page_count", { simple: true });
    home.db.sqlite.pragma(`max_page_count = ${Number(pages) + 2}`);
    const large = mail("large", "x", `X-Long: ${"y".repeat(60_000)}\r\n`);
    const appends = Array.from({ length: 4 }, () => inbox.append([{ content: pieces(large), flags: [] }]));
    for (const result of await Promise.allSettled(appends))
      expect(result).toMatchObject({ status: "rejected", reason: { code: "full" } });
    expect(home.messageFiles()).toHaveLength(1);
    expect(inbox.uids()).toEqual([1]);
    home.db.sqlite.pragma("max_page_count = 1000000");
    expect(await append(inbox, large)).toBe(2);
  }),
);

/** A file system of 300 KiB, where this is allowed. */
function smallDisk(path: string): boolean {
  mkdirSync(path);
  return spawnSync("mount", ["-t", "tmpfs", "-o", "size=300k", "tmpfs", path]).status === 0;
}

test(
  "a full disk refuses with a name, and nothing is half-stored",
  inHome(async (home) => {
    await home.open();
    const disk = join(home.path, "disk");
    if (!smallDisk(disk)) return;
    try {
      const options = { home: disk, vaultKey: home.vaultKey, recoveryRecipient: home.identity.recipient };
      home.db.sqlite.exec("DELETE FROM maildir_mailbox");
      const maildir = await openMaildir({ ...options, db: home.db, clock: home.clock, logger: silentLogger });
      const inbox = box(maildir, "INBOX");
      const files = home.files().length;
      await expect(append(inbox, "x".repeat(400_000))).rejects.toMatchObject({ code: "full" });
      expect(home.files()).toHaveLength(files);
      await append(inbox, mail("small"));
      expect((await read(inbox, 1)).toString()).toBe(mail("small"));
      await maildir.close();
    } finally {
      spawnSync("umount", [disk]);
    }
  }),
);

test(
  "nothing of a letter can be read on disk: no subject, sender, text, folder, flag name or id",
  inHome(async (home) => {
    const maildir = await home.open();
    const needles = ["Zwiebelfisch", "wilhelmine", "Ofenrohr", "Geheimfach", "$Merkwuerdig", "kennung-4711"];
    const [subject = "", sender = "", text = "", folder = "", keyword = "", id = ""] = needles;
    const mailbox = await maildir.create(folder);
    const fields = `From: ${sender}@example.org\r\nMessage-ID: <${id}@example.org>\r\n`;
    await append(mailbox, mail(subject, `${text}\r\n`.repeat(9_000), fields), keyword, "\\Seen");
    await append(mailbox, mail(subject, text, fields));
    await mailbox.copy([1], box(maildir, "Trash"));
    await maildir.rename(folder, `x/${folder}`);
    await mailbox.expunge([2]);
    await mailbox.searchText("text", text, [1]);
    expect(maildir.findByMessageId(mailbox.id, `<${id}@example.org>`)).toEqual([1]);
    cpSync(join(home.path, "state.db-wal"), join(home.path, "wal-copy"));
    await maildir.close();
    home.db.sqlite.pragma("wal_checkpoint(TRUNCATE)");
    expect(existsSync(join(home.path, "wal-copy"))).toBe(true);
    const octets = home.octets();
    for (const needle of needles) {
      expect(octets.includes(needle)).toBe(false);
      expect(octets.includes(Buffer.from(needle).toString("base64").slice(0, 8))).toBe(false);
      expect(octets.includes(Buffer.from(needle, "utf16le"))).toBe(false);
    }
    expect(octets.includes("age-encryption.org/v1")).toBe(true);
  }),
);

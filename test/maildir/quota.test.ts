import { expect, test } from "@jest/globals";
import { append, box, inHome, mail, pieces } from "./home.ts";

const SIZE = mail("x").length;

test(
  "what is appended or copied beyond the quota is refused whole; moving and freeing is always possible",
  inHome(async (home) => {
    const maildir = await home.open({ quota: 3 * SIZE });
    const [inbox, sent] = [box(maildir, "INBOX"), box(maildir, "Sent")];
    const two = [1, 2].map(() => ({ content: pieces(mail("x")), flags: [] }));
    await inbox.append(two);
    const more = [1, 2].map(() => ({ content: pieces(mail("x")), flags: [] }));
    await expect(inbox.append(more)).rejects.toMatchObject({ code: "full" });
    await expect(inbox.copy([1, 2], sent)).rejects.toMatchObject({ code: "full" });
    expect([inbox.uids(), sent.uids()]).toEqual([[1, 2], []]);
    expect(home.messageFiles()).toHaveLength(2);
    expect((await inbox.copy([1], sent)).uids).toHaveLength(1);
    expect(await maildir.quota()).toEqual({ usage: 3 * SIZE, limit: 3 * SIZE });
    expect((await inbox.move([1, 2], sent)).uids).toHaveLength(2);
    await sent.expunge([1]);
    await append(inbox, mail("x"));
    expect(await maildir.quota()).toEqual({ usage: 3 * SIZE, limit: 3 * SIZE });
  }),
);

test(
  "of appends at the same time no more are taken than there is room for",
  inHome(async (home) => {
    const maildir = await home.open({ quota: 3 * SIZE });
    const results = await Promise.allSettled(Array.from({ length: 8 }, () => append(box(maildir, "INBOX"), mail("x"))));
    expect(results.filter(({ status }) => status === "fulfilled")).toHaveLength(3);
    expect(box(maildir, "INBOX").uids()).toHaveLength(3);
  }),
);

test(
  "what comes over the overlay is taken beyond the quota",
  inHome(async (home) => {
    const maildir = await home.open({ quota: SIZE });
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("x"));
    const staged = await maildir.stage(pieces(mail("y")));
    maildir.insert(inbox.id, staged, { flags: [] });
    expect(inbox.uids()).toHaveLength(2);
    await expect(append(inbox, mail("z"))).rejects.toMatchObject({ code: "full" });
    expect(await maildir.quota()).toMatchObject({ usage: 2 * SIZE, limit: SIZE });
  }),
);

test(
  "usage is what the messages have, whatever was done to them, and after a restart",
  inHome(async (home) => {
    const maildir = await home.open();
    const [inbox, sent] = [box(maildir, "INBOX"), box(maildir, "Sent")];
    for (let count = 0; count < 4; count++) await append(inbox, mail("x"), "\\Deleted");
    await inbox.copy([1, 2, 3], sent);
    await inbox.expunge([1]);
    await maildir.rename("INBOX", "old");
    expect((await maildir.quota()).usage).toBe(6 * SIZE);
    expect(box(maildir, "old").status().deletedSize).toBe(3 * SIZE);
    await maildir.remove("old");
    await maildir.close();
    const again = await home.open();
    const { usage, limit } = await again.quota();
    expect(usage).toBe(3 * SIZE);
    expect(limit).toBeGreaterThan(usage);
  }),
);

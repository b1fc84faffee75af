import { expect, test } from "@jest/globals";
import { MAX_ANNOTATIONS } from "../../maildir/limits.ts";
import { append, box, inHome, mail } from "./home.ts";

const one = (entry: string, value: string | undefined) => new Map([[entry, value]]);

test(
  "annotations are there after a restart, octet by octet, and not in the clear on disk",
  inHome(async (home) => {
    const maildir = await home.open();
    const value = "Kartoffelsuppe \u0000\r\n\u00ff";
    await box(maildir, "Sent").setAnnotations(one("/private/comment", value));
    await maildir.setAnnotations(one("/shared/comment", "Zwiebelkuchen"));
    await maildir.close();
    const again = await home.open();
    expect([...box(again, "Sent").annotations()]).toEqual([["/private/comment", value]]);
    expect([...again.annotations()]).toEqual([["/shared/comment", "Zwiebelkuchen"]]);
    expect(box(again, "INBOX").annotations().size).toBe(0);
    for (const word of ["Kartoffelsuppe", "Zwiebelkuchen", "/private/comment"])
      expect(home.octets().includes(word)).toBe(false);
  }),
);

test(
  "annotations follow a renamed mailbox, INBOX keeps its own, and a new mailbox inherits none",
  inHome(async (home) => {
    const maildir = await home.open();
    await maildir.create("a/b");
    for (const name of ["a", "a/b", "INBOX"]) await box(maildir, name).setAnnotations(one("/private/comment", name));
    await append(box(maildir, "INBOX"), mail("x"));
    await maildir.rename("a", "c");
    await maildir.rename("INBOX", "old");
    expect(box(maildir, "c").annotations().get("/private/comment")).toBe("a");
    expect(box(maildir, "c/b").annotations().get("/private/comment")).toBe("a/b");
    expect(box(maildir, "old").annotations().get("/private/comment")).toBe("INBOX");
    expect(box(maildir, "INBOX").annotations().get("/private/comment")).toBe("INBOX");
    const gone = box(maildir, "c");
    await maildir.remove("c");
    await expect(gone.setAnnotations(one("/private/comment", "x"))).rejects.toMatchObject({ code: "nonexistent" });
    expect((await maildir.create("c")).annotations().size).toBe(0);
    expect(home.db.sqlite.prepare("SELECT COUNT(*) FROM maildir_annotation").pluck().get()).toBe(3);
  }),
);

test(
  "too many annotations change nothing; to remove and to replace some is always possible",
  inHome(async (home) => {
    const maildir = await home.open();
    const all = new Map(Array.from({ length: MAX_ANNOTATIONS }, (_, index) => [`/private/${index}`, "x"]));
    expect(await maildir.setAnnotations(all)).toBe("stored");
    expect(await maildir.setAnnotations(new Map([...one("/private/0", "y"), ...one("/private/new", "x")]))).toBe(
      "too-many",
    );
    expect([...maildir.annotations().values()].every((value) => value === "x")).toBe(true);
    expect(await maildir.setAnnotations(new Map([...one("/private/0", undefined), ...one("/private/new", "x")]))).toBe(
      "stored",
    );
    expect(maildir.annotations().size).toBe(MAX_ANNOTATIONS);
  }),
);

test(
  "watchers learn which annotations have another value, and who changed them",
  inHome(async (home) => {
    const maildir = await home.open();
    const sent = box(maildir, "Sent");
    const changes: unknown[] = [];
    const origin = {};
    const stop = maildir.watchAnnotations((change) => changes.push(change));
    await sent.setAnnotations(new Map([...one("/private/comment", "x"), ...one("/shared/comment", undefined)]), origin);
    await sent.setAnnotations(one("/private/comment", "x"));
    await maildir.setAnnotations(one("/shared/comment", "y"));
    stop();
    await maildir.setAnnotations(one("/shared/comment", "z"));
    expect(changes).toEqual([
      { mailbox: sent, entries: ["/private/comment"], origin },
      { mailbox: undefined, entries: ["/shared/comment"] },
    ]);
  }),
);

import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { importMail } from "../../../maildir/import/import.ts";
import { withCrlf } from "../../../maildir/import/line-ends.ts";
import { fromLineDate, readMbox } from "../../../maildir/import/mbox.ts";
import { box, collect, flagsOf, inHome, mail, pieces, read } from "../home.ts";

function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "postern-import-"));
  return work(folder).finally(() => rmSync(folder, { recursive: true }));
}

const MBOX = [
  "From ann@example.org Mon Nov 23 10:00:00 2026",
  "Subject: one",
  "Status: RO",
  "X-Status: AF",
  "",
  ">From here on",
  ">>From deeper",
  "From the heart, without an empty line before it",
  "",
  "From prose after an empty line",
  "",
  "",
  "From - Tue Nov 24 10:00:00 2026",
  "Subject: two",
  "",
  "From ",
  "Date: Wed, 25 Nov 2026 10:00:00 +0100",
  "Subject: three",
  "",
  "no newline at the end",
].join("\n");

test("an mbox is imported with flags, dates and CRLF, its From quoting undone", () =>
  inFolder(async (folder) => {
    writeFileSync(join(folder, "mbox"), MBOX);
    await inHome(async (home) => {
      const maildir = await home.open();
      const seen: unknown[] = [];
      const result = await importMail(maildir, join(folder, "mbox"), "Old/Mail", {
        onProgress: (one) => seen.push(one),
      });
      expect(result).toEqual({ done: 3, added: 3, tooBig: 0 });
      expect(seen).toEqual([{ ...result, octets: MBOX.length, octetsTotal: MBOX.length }]);
      // Thunderbird shows no folder that is not subscribed.
      expect(maildir.subscriptions()).toContain("Old/Mail");
      const mailbox = box(maildir, "Old/Mail");
      expect((await read(mailbox, 1)).toString()).toBe(
        [
          "Subject: one",
          "Status: RO",
          "X-Status: AF",
          "",
          "From here on",
          ">From deeper",
          "From the heart, without an empty line before it",
          "",
          "From prose after an empty line",
          "",
          "",
        ].join("\r\n"),
      );
      expect((await read(mailbox, 3)).toString()).toMatch(/no newline at the end$/);
      expect(flagsOf(mailbox, 1)).toEqual(["\\Seen", "\\Answered", "\\Flagged"]);
      expect([...mailbox.summaries([1, 2, 3])].map(({ internalDate }) => internalDate)).toEqual([
        Date.UTC(2026, 10, 23, 10),
        Date.UTC(2026, 10, 24, 10),
        Date.UTC(2026, 10, 25, 9),
      ]);
    })();
  }));

test("importing twice adds nothing, and an import into another mailbox adds all", () =>
  inFolder(async (folder) => {
    const path = join(folder, "mbox");
    writeFileSync(path, MBOX);
    await inHome(async (home) => {
      const maildir = await home.open();
      expect((await importMail(maildir, path, "INBOX")).added).toBe(3);
      expect(await importMail(maildir, path, "INBOX")).toEqual({ done: 3, added: 0, tooBig: 0 });
      writeFileSync(path, `${MBOX}\n\nFrom x Mon Nov 23 11:00:00 2026\nSubject: four\n\nx\n`);
      expect((await importMail(maildir, path, "INBOX")).added).toBe(2);
      expect((await importMail(maildir, path, "Archive")).added).toBe(4);
      expect(home.messageFiles()).toHaveLength(9);
    })();
  }));

test("a Maildir is imported with its flags and dates", () =>
  inFolder(async (folder) => {
    for (const part of ["cur", "new", "tmp"]) mkdirSync(join(folder, part));
    writeFileSync(join(folder, "cur", "1.a:2,FRS"), mail("one").replaceAll("\r\n", "\n"));
    utimesSync(join(folder, "cur", "1.a:2,FRS"), 1_700_000_000, 1_700_000_000);
    writeFileSync(join(folder, "new", "2.b"), mail("two"));
    writeFileSync(join(folder, "tmp", "3.c"), mail("unfinished"));
    await inHome(async (home) => {
      const maildir = await home.open();
      const inbox = box(maildir, "INBOX");
      expect(await importMail(maildir, folder, "INBOX")).toEqual({ done: 2, added: 2, total: 2, tooBig: 0 });
      expect((await read(inbox, 1)).toString()).toBe(mail("one"));
      expect((await read(inbox, 2)).toString()).toBe(mail("two"));
      expect([...inbox.summaries([1, 2])]).toMatchObject([
        { flags: ["\\Seen", "\\Answered", "\\Flagged"], internalDate: 1_700_000_000_000 },
        { flags: [] },
      ]);
    })();
  }));

test("single messages and folders of them are imported, dated by Received", () =>
  inFolder(async (folder) => {
    const fields =
      "Received: from a by b;\r\n Mon, 23 Nov 2026 09:00:00 +0000\r\nDate: Sun, 22 Nov 2026 09:00:00 +0000\r\n";
    writeFileSync(join(folder, "a.eml"), mail("one", "x", fields));
    writeFileSync(join(folder, "b.EML"), mail("two"));
    await inHome(async (home) => {
      const maildir = await home.open();
      const inbox = box(maildir, "INBOX");
      expect(await importMail(maildir, join(folder, "a.eml"), "INBOX")).toMatchObject({ done: 1, added: 1 });
      expect([...inbox.summaries([1])][0]?.internalDate).toBe(Date.UTC(2026, 10, 23, 9));
      expect(await importMail(maildir, folder, "INBOX")).toMatchObject({ done: 2, added: 1, total: 2 });
    })();
  }));

test("what cannot be imported is named, and nothing is created for it", () =>
  inFolder(async (folder) =>
    inHome(async (home) => {
      const maildir = await home.open({ appendLimit: 1_000 });
      await expect(importMail(maildir, join(folder, "nothing"), "x")).rejects.toMatchObject({ code: "nonexistent" });
      await expect(importMail(maildir, folder, "x")).rejects.toMatchObject({ code: "invalid" });
      expect(maildir.mailbox("x")).toBeUndefined();
      writeFileSync(join(folder, "big.eml"), mail("big", "x".repeat(2_000)));
      writeFileSync(join(folder, "huge.eml"), mail("huge", "x".repeat(2_000_000)));
      writeFileSync(join(folder, "small.eml"), mail("small"));
      expect(await importMail(maildir, folder, "INBOX")).toEqual({ done: 3, added: 1, total: 3, tooBig: 2 });
      expect(home.messageFiles()).toHaveLength(1);
    })(),
  ));

test("an import that is aborted keeps what it brought and can be run again", () =>
  inFolder(async (folder) => {
    const path = join(folder, "mbox");
    const one = (index: number) => `From x Mon Nov 23 10:00:00 2026\nSubject: ${index}\n\nx\n\n`;
    writeFileSync(path, Array.from({ length: 200 }, (_, index) => one(index)).join(""));
    await inHome(async (home) => {
      const maildir = await home.open();
      const controller = new AbortController();
      const options = { signal: controller.signal, onProgress: () => controller.abort(new Error("stop")) };
      await expect(importMail(maildir, path, "INBOX", options)).rejects.toThrow("stop");
      const kept = box(maildir, "INBOX").status().messages;
      expect(kept).toBeGreaterThan(0);
      expect(await importMail(maildir, path, "INBOX")).toMatchObject({ done: 200, added: 200 - kept });
    })();
  }));

test("how an mbox is cut into chunks makes no difference to line ends", async () => {
  const text = fc.string({ unit: fc.constantFrom("a", "\r", "\n"), maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(40), { maxLength: 4 }), async (whole, cuts) => {
      const ends = [0, ...cuts.filter((cut) => cut <= whole.length).sort((a, b) => a - b), whole.length];
      const parts = ends.slice(1).map((end, index) => whole.slice(ends[index], end));
      expect((await collect(withCrlf(pieces(...parts)))).toString("latin1")).toBe(whole.replace(/(?<!\r)\n/g, "\r\n"));
    }),
  );
});

test("a line that only begins as a separator is text, however long; a separator has a bound", () =>
  inFolder(async (folder) => {
    const long = `From a ${"Mon Nov 23 10:00:00 2026 ".repeat(4_000)}\rX\n`;
    writeFileSync(join(folder, "mbox"), `From a Mon Nov 23 10:00:00 2026\nSubject: one\n\n${long}\nend\n`);
    const found: string[] = [];
    for await (const { content } of readMbox(join(folder, "mbox"))) found.push((await collect(content)).toString());
    expect(found.length).toBe(1);
    expect(found[0]).toContain("Mon Nov 23 10:00:00 2026 Mon Nov 23");
    expect(found[0]).toMatch(/end\r?\n$/);
  }));

test("messages come out of an mbox as they were put in by mboxrd's rules", () =>
  inFolder(async (folder) => {
    const line = fc.constantFrom("From x 10:00", ">From y 10:00", "", "text", "From", "From  10:00 ");
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(line, { maxLength: 6 }), { minLength: 1, maxLength: 4 }), async (bodies) => {
        const messages = bodies.map(
          (lines, index) => `Subject: ${index}\n\n${lines.map((text) => `${text}\n`).join("")}`,
        );
        const quoted = messages.map((message) => message.replace(/^(>*From )/gm, ">$1"));
        const file = quoted.map((message) => `From a@b Mon Nov 23 10:00:00 2026\n${message}\n`).join("");
        writeFileSync(join(folder, "mbox"), file);
        const found: string[] = [];
        for await (const { content } of readMbox(join(folder, "mbox"))) found.push((await collect(content)).toString());
        expect(found).toEqual(messages);
      }),
      { numRuns: 60 },
    );
  }));

test.each([
  ["From a Mon Nov 23 10:11:12 2026", Date.UTC(2026, 10, 23, 10, 11, 12)],
  ["From - Mon Nov  3 10:11 2026", Date.UTC(2026, 10, 3, 10, 11)],
  ["From a Mon Nov 23 10:11:12 +0100 2026", Date.UTC(2026, 10, 23, 10, 11, 12)],
  ["From ", undefined],
])("the date of %j is %j", (text, expected) => {
  expect(fromLineDate(text)).toBe(expected);
});

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { EXPORT_FORMATS, exportMail } from "../../../maildir/export/export.ts";
import { folderPath } from "../../../maildir/export/folder-path.ts";
import { importMail } from "../../../maildir/import/import.ts";
import type { MaildirMailbox } from "../../../maildir/store.ts";
import { append, box, flagsOf, inHome, mail, pieces, read, type TestHome } from "../home.ts";

/** A home, and an empty directory to export into. */
function inHomeWith(work: (home: TestHome, out: string) => Promise<void>): () => Promise<void> {
  return inHome(async (home) => {
    const out = mkdtempSync(join(tmpdir(), "postern-export-"));
    await work(home, out).finally(() => rmSync(out, { recursive: true }));
  });
}

interface Kept {
  readonly octets: string;
  readonly flags: readonly string[];
  readonly date: number;
}

async function keptIn(mailbox: MaildirMailbox): Promise<Kept[]> {
  const kept: Kept[] = [];
  for (const { uid, flags, internalDate } of mailbox.summaries(mailbox.uids()))
    kept.push({ octets: (await read(mailbox, uid)).toString("latin1"), flags, date: internalDate });
  return kept;
}

const DATE = Date.UTC(2020, 1, 3, 4, 5, 6);

const TRICKY = [
  mail("quoted", "From the start\r\n>From here\r\nnot From\r\n>>>From\r\n\r\nFrom a@b Mon Nov 23 10:00:00 2026\r\n"),
  mail("ends with empty lines", "text\r\n\r\n\r\n"),
  mail("octets", Buffer.from([0, 255, 128, 13, 70, 114, 111, 109, 32, 13, 10]).toString("latin1")),
  `Status: RO\r\nX-Status: F\r\n${mail("own status")}`,
  "\r\nno header at all\r\n",
  mail("deep", `${">".repeat(300)}From x\r\n${"x".repeat(200_000)}\r\nFrom behind a long line\r\n`),
];

test.each(["mbox", "maildir"] as const)(
  "what is exported as %s and imported again has the same octets, flags and dates in the same order",
  async (format) => {
    await inHomeWith(async (home, out) => {
      const maildir = await home.open();
      const inbox = box(maildir, "INBOX");
      const flags = [
        ["\\Seen", "$Label1"],
        ["\\Answered", "\\Flagged"],
        ["\\Draft"],
        ["\\Deleted", "Two"],
        [],
        ["$Forwarded"],
      ];
      for (const [index, message] of TRICKY.entries())
        await inbox.append([
          { content: pieces(message), flags: flags[index] ?? [], internalDate: DATE - index * 1000 },
        ]);
      const target = join(out, "mail");
      expect(await exportMail(maildir, target, { folder: "INBOX", format })).toEqual({ done: 6, total: 6, damaged: 0 });
      await importMail(maildir, target, "Again");
      expect(await keptIn(box(maildir, "Again"))).toEqual(await keptIn(inbox));
      expect(statSync(target).mode & 0o077).toBe(0);
    })();
  },
);

test(
  "any message whose lines end with CRLF comes through an mbox as it was",
  inHomeWith(async (home, out) => {
    const maildir = await home.open();
    const line = fc.array(fc.constantFrom("From ", ">", "a", " ", ":", "\0", "ü", "-"), { maxLength: 9 });
    const message = fc.array(line, { minLength: 1, maxLength: 9 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 4 }), async (messages) => {
        const [from, to] = [`from ${++run}`, `to ${run}`];
        const source = await maildir.create(from);
        // An import passes over what it brought before.
        const texts = messages.map(
          (lines, index) => `X: ${index}\r\n${lines.map((l) => `${l.join("")}\r\n`).join("")}`,
        );
        for (const text of texts) await append(source, text);
        await exportMail(maildir, join(out, from), { folder: from, format: "mbox" });
        await importMail(maildir, join(out, from), to);
        expect((await keptIn(box(maildir, to))).map(({ octets }) => octets)).toEqual(
          (await keptIn(source)).map(({ octets }) => octets),
        );
      }),
      { numRuns: 25 },
    );
  }),
  20_000,
);

test(
  "eml files hold the octets, bare line feeds and a missing last line end too, and the date",
  inHomeWith(async (home, out) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const message = "Subject: x\n\nno end";
    await inbox.append([{ content: pieces(message), flags: [], internalDate: DATE }]);
    await exportMail(maildir, join(out, "eml"), { folder: "INBOX", format: "eml" });
    const path = join(out, "eml", "0000001.eml");
    expect(readFileSync(path, "latin1")).toBe(message);
    expect(statSync(path).mtimeMs).toBe(DATE);
  }),
);

test.each(EXPORT_FORMATS)(
  "all folders are exported as %s, each to a place of its own inside the path",
  async (format) => {
    await inHomeWith(async (home, out) => {
      const maildir = await home.open();
      for (const name of ["A/B", "A/cur", "..", "50%", "a:b", "é".repeat(120)])
        await append(await maildir.create(name), mail(name.replaceAll(/[^a-z]/gi, "x")));
      const target = join(out, "all");
      expect(await exportMail(maildir, target, { format })).toEqual({ done: 6, total: 6, damaged: 0 });
      expect(readdirSync(out)).toEqual(["all"]);
      const ending = format === "mbox" ? ".mbox" : "";
      for (const name of ["A/B", "A/cur", "..", "a:b"]) {
        await importMail(maildir, join(target, `${folderPath(name)}${ending}`), `again ${name.replace("..", "dots")}`);
        expect(box(maildir, `again ${name.replace("..", "dots")}`).status().messages).toBe(1);
      }
    })();
  },
);

test.each(EXPORT_FORMATS)("a damaged letter is left out of %s and counted; the others are whole", async (format) => {
  await inHomeWith(async (home, out) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    for (const subject of ["one", "two", "three"]) await append(inbox, mail(subject, "a line\r\n".repeat(40_000)));
    const known = await keptIn(inbox);
    await maildir.close();
    const again = await home.open();
    const [, damaged = ""] = home.messageFiles("/cur/");
    const octets = readFileSync(damaged);
    octets[octets.length - 70_000] = (octets[octets.length - 70_000] ?? 0) ^ 1;
    writeFileSync(damaged, octets);
    const target = join(out, "mail");
    const seen: number[] = [];
    const options = { folder: "INBOX", format, onProgress: ({ done }: { done: number }) => seen.push(done) };
    expect(await exportMail(again, target, options)).toEqual({ done: 2, total: 3, damaged: 1 });
    await importMail(again, target, "Again");
    const whole = (await keptIn(box(again, "Again"))).map((kept) => kept.octets);
    expect(known.map((kept) => kept.octets).filter((text) => whole.includes(text))).toHaveLength(2);
    expect(whole).toHaveLength(2);
  })();
});

test(
  "nothing is overwritten",
  inHomeWith(async (home, out) => {
    const maildir = await home.open();
    writeFileSync(join(out, "there"), "precious");
    mkdirSync(join(out, "full"));
    writeFileSync(join(out, "full", "file"), "precious");
    for (const format of EXPORT_FORMATS) {
      for (const name of ["there", "full"])
        await expect(exportMail(maildir, join(out, name), { folder: "INBOX", format })).rejects.toMatchObject({
          code: "already-exists",
        });
      await expect(exportMail(maildir, join(out, "x"), { folder: "Nope", format })).rejects.toMatchObject({
        code: "nonexistent",
      });
    }
    expect(readFileSync(join(out, "there"), "utf8")).toBe("precious");
    expect(flagsOf(box(maildir, "INBOX"), 1)).toBeUndefined();
  }),
);

import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { AgeOpener } from "../../maildir/age/opener.ts";
import { decodeTrailer, TRAILER_SIZE } from "../../maildir/padding.ts";
import { append, box, collect, flagsOf, inHome, mail, pieces, read } from "./home.ts";

test(
  "a new home has the six usual mailboxes, subscribed, with their special uses",
  inHome(async (home) => {
    const maildir = await home.open();
    expect(maildir.mailboxes().map(({ name, specialUse }) => [name, specialUse])).toEqual([
      ["INBOX", undefined],
      ["Archive", "\\Archive"],
      ["Drafts", "\\Drafts"],
      ["Junk", "\\Junk"],
      ["Sent", "\\Sent"],
      ["Trash", "\\Trash"],
    ]);
    expect([...maildir.subscriptions()].sort()).toEqual(["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"]);
    expect(new Set(maildir.mailboxes().map(({ uidValidity }) => uidValidity)).size).toBe(6);
  }),
);

test(
  "any octets come back as they were, whole and in any stretch",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const octets = fc.oneof(
      fc.uint8Array({ maxLength: 3_000 }),
      fc.nat(200_000).map((size) => randomBytes(size)),
      fc.string({ maxLength: 500 }).map((text) => Buffer.from(mail(text, text))),
    );
    await fc.assert(
      fc.asyncProperty(octets, fc.nat(200_000), fc.nat(200_000), fc.nat(9), async (content, a, b, cuts) => {
        const message = Buffer.from(content);
        const parts = Array.from({ length: cuts + 1 }, (_, part) =>
          message.subarray((part * message.length) / (cuts + 1), ((part + 1) * message.length) / (cuts + 1)),
        );
        const [uid = 0] = await inbox.append([{ content: pieces(...parts), flags: [] }]);
        const whole = Buffer.concat(parts);
        expect((await read(inbox, uid)).equals(whole)).toBe(true);
        const [start, end] = [Math.min(a, b), Math.max(a, b)];
        expect((await collect(inbox.read(uid, start, end))).equals(whole.subarray(start, end))).toBe(true);
        expect([...inbox.summaries([uid])][0]?.size).toBe(whole.length);
      }),
      { numRuns: 60 },
    );
  }),
);

test(
  "what a mail program asks for first comes from the index",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const text = mail("Grüße".normalize("NFC"), "one\r\ntwo\r\n", "Message-ID: <1@example.org>\r\n");
    const [uid = 0] = await inbox.append([
      { content: pieces(text), flags: ["\\Seen", "$Work"], internalDate: 1_000_000 },
    ]);
    expect([...inbox.summaries([uid])]).toEqual([
      {
        uid: 1,
        flags: ["\\Seen", "$Work"],
        modSeq: 2,
        internalDate: 1_000_000,
        saveDate: home.clock.now(),
        size: text.length,
        emailId: expect.stringMatching(/^[a-z2-7]{16}$/),
        threadId: expect.stringMatching(/^[a-z2-7]{16}$/),
      },
    ]);
    expect(inbox.envelopes([uid])[0]).toContain("<1@example.org>");
    expect(inbox.bodyStructures([uid], true)[0]).toMatch(/^\("TEXT" "PLAIN"/i);
    expect(inbox.bodyStructures([uid], false)[0]?.length).toBeLessThan(
      inbox.bodyStructures([uid], true)[0]?.length ?? 0,
    );
    expect(inbox.headers([uid])[0]?.toString("latin1")).toBe(text.slice(0, text.indexOf("\r\n\r\n") + 4));
    expect(inbox.structure(uid)).toMatchObject({ bodyEnd: text.length, envelope: inbox.envelopes([uid])[0] });
    expect(inbox.keywords()).toEqual(["$Work"]);
    expect(inbox.envelopes([9])[0]).toBeUndefined();
    expect(inbox.structure(9)).toBeUndefined();
    expect(inbox.headers([9])[0]).toBeUndefined();
    await expect(read(inbox, 9)).rejects.toMatchObject({ code: "nonexistent" });
  }),
);

test(
  "a message's file is one age file in cur with its flags in its name, and no other can read it",
  inHome(async (home) => {
    const maildir = await home.open();
    const text = mail("readable");
    await append(box(maildir, "INBOX"), text, "\\Flagged", "\\Seen", "$Forwarded");
    await maildir.close();
    const [path = "", ...others] = home.messageFiles();
    expect(others).toEqual([]);
    expect(path).toMatch(/\/mail\/[a-z2-7]{26}\/cur\/[a-z2-7]{26}:2,FPS$/);
    expect(statSync(path)).toMatchObject({ mode: 0o100600, mtimeMs: 0, size: expect.any(Number) });
    expect(statSync(path).size).toBeLessThan(4_096);
    for (const directory of [dirname(path), dirname(dirname(path))])
      expect(statSync(directory).mode & 0o777).toBe(0o700);
  }),
);

test(
  "the file alone tells message, size, internal date and EMAILID",
  inHome(async (home) => {
    const maildir = await home.open();
    const text = mail("alone");
    const inbox = box(maildir, "INBOX");
    await inbox.append([{ content: pieces(text), flags: [], internalDate: 1_700_000_000_123 }]);
    const file = readFileSync(home.messageFiles()[0] ?? "");
    const source = { size: file.length, read: (at: number, length: number) => file.subarray(at, at + length) };
    const plaintext = await collect(AgeOpener.open(file, source, home.identity)?.read() ?? pieces());
    const trailer = decodeTrailer(plaintext.subarray(-TRAILER_SIZE), plaintext.length);
    expect(trailer).toEqual({
      size: text.length,
      internalDate: 1_700_000_000_123,
      emailId: [...inbox.summaries([1])][0]?.emailId,
    });
    expect(plaintext.subarray(0, text.length).toString("latin1")).toBe(text);
    if (spawnSync("age", ["--version"]).status !== 0) return;
    const script = "exec 3<<EOF\n$0\nEOF\nexec age -d -i /dev/fd/3";
    const { stdout } = spawnSync("sh", ["-c", script, home.identityText.toUpperCase()], { input: file });
    expect(stdout.equals(plaintext)).toBe(true);
  }),
);

test(
  "a message above the limit is refused and leaves nothing",
  inHome(async (home) => {
    const maildir = await home.open({ appendLimit: 1_000 });
    const inbox = box(maildir, "INBOX");
    const before = home.files().length;
    await expect(append(inbox, "x".repeat(1_001))).rejects.toMatchObject({ code: "too-big" });
    expect(inbox.status().messages).toBe(0);
    expect(home.files()).toHaveLength(before);
    await append(inbox, "x".repeat(1_000));
  }),
);

test(
  "of several messages all are appended or none",
  inHome(async (home) => {
    const maildir = await home.open({ appendLimit: 1_000 });
    const inbox = box(maildir, "INBOX");
    const one = (text: string) => ({ content: pieces(text), flags: [] });
    await expect(inbox.append([one("a"), one("b"), one("x".repeat(1_001))])).rejects.toMatchObject({ code: "too-big" });
    expect(inbox.uids()).toEqual([]);
    expect(home.messageFiles()).toEqual([]);
    expect(await inbox.append([one("a"), one("b")])).toEqual([1, 2]);
    expect([...inbox.summaries([1, 2])].map(({ modSeq }) => modSeq)).toEqual([2, 2]);
  }),
);

test(
  "messages whose headers would fill the memory are not appended all at once",
  inHome(async (home) => {
    const inbox = box(await home.open(), "INBOX");
    let taken = 0;
    const endless = async function* () {
      for (;;) {
        taken++;
        yield { content: pieces(`X-Long: ${"x".repeat(1_000_000)}\r\n\r\n`), flags: [] };
      }
    };
    await expect(inbox.append(endless())).rejects.toMatchObject({ code: "too-big" });
    expect(taken).toBeLessThan(64);
    expect(home.messageFiles()).toEqual([]);
    expect(inbox.uids()).toEqual([]);
  }),
);

test(
  "a long content that the store stops reading is ended, so that what it reads from is closed",
  inHome(async (home) => {
    const maildir = await home.open({ appendLimit: 400_000 });
    let ended = 0;
    const content = async function* (): AsyncGenerator<Uint8Array> {
      try {
        for (;;) yield Buffer.alloc(100_000, "x");
      } finally {
        ended++;
      }
    };
    await expect(box(maildir, "INBOX").append([{ content: content(), flags: [] }])).rejects.toMatchObject({
      code: "too-big",
    });
    expect(ended).toBe(1);
  }),
);

test(
  "a content that breaks off leaves nothing",
  inHome(async (home) => {
    const maildir = await home.open();
    const broken = async function* (): AsyncGenerator<Uint8Array> {
      yield randomBytes(600_000);
      throw new Error("the connection was lost");
    };
    await expect(box(maildir, "INBOX").append([{ content: broken(), flags: [] }])).rejects.toThrow("lost");
    expect(home.messageFiles()).toEqual([]);
  }),
);

test(
  "a file that is missing or changed damages its own message alone",
  inHome(async (home) => {
    const { rmSync, writeFileSync } = await import("node:fs");
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const contents = [mail("first"), mail("second"), mail("third")];
    const files: string[] = [];
    for (const content of contents) {
      await append(inbox, content);
      files.push(home.messageFiles().find((path) => !files.includes(path)) ?? "");
    }
    rmSync(files[0] ?? "");
    const changed = readFileSync(files[1] ?? "");
    changed[changed.length - 30] = (changed.at(-30) ?? 0) ^ 1;
    writeFileSync(files[1] ?? "", changed);
    await expect(read(inbox, 1)).rejects.toMatchObject({ code: "damaged" });
    await expect(read(inbox, 2)).rejects.toMatchObject({ code: "damaged" });
    expect((await read(inbox, 3)).toString()).toBe(contents[2]);
    expect(inbox.envelopes([1])[0]).toContain("first");
    expect(await inbox.searchText("text", "hello", [1, 2, 3])).toEqual(new Set([3]));
    await expect(inbox.copy([1], box(maildir, "Trash"))).rejects.toMatchObject({ code: "damaged" });
    expect(await inbox.expunge([1, 2])).toEqual([1, 2]);
  }),
);

test(
  "a file cut at a chunk's end is damaged as a whole, not shorter",
  inHome(async (home) => {
    const { truncateSync } = await import("node:fs");
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await inbox.append([{ content: pieces(randomBytes(300_000)), flags: [] }]);
    const [file = ""] = home.messageFiles();
    truncateSync(file, statSync(file).size - (statSync(file).size % 65_552));
    await expect(collect(inbox.read(1, 0, 10))).rejects.toMatchObject({ code: "damaged" });
  }),
);

test(
  "a reply has its thread's THREADID, whichever came first; a copy keeps both ids",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("reply", "", "Message-ID: <2@x>\r\nIn-Reply-To: <1@x>\r\n"));
    await append(inbox, mail("first", "", "Message-ID: <1@x>\r\n"));
    await append(inbox, mail("later", "", "Message-ID: <3@x>\r\nReferences: <0@x> <1@x> <2@x>\r\n"));
    await append(inbox, mail("other", "", "Message-ID: <9@x>\r\n"));
    const threads = [...inbox.summaries([1, 2, 3, 4])].map(({ threadId }) => threadId);
    expect(new Set(threads.slice(0, 3)).size).toBe(1);
    expect(threads[3]).not.toBe(threads[0]);
    await inbox.copy([1], box(maildir, "Archive"));
    const [copy] = box(maildir, "Archive").summaries([1]);
    const [original] = inbox.summaries([1]);
    expect(copy).toMatchObject({ emailId: original?.emailId, threadId: original?.threadId });
  }),
);

test(
  "messages are found by Message-ID, in their mailbox alone",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    await append(inbox, mail("a", "", "Message-ID: <1@x>\r\n"));
    await append(inbox, mail("b", "", "Message-ID: <2@x>\r\n"));
    await append(inbox, mail("c", "", "Message-ID: <1@x>\r\n"));
    await append(box(maildir, "Sent"), mail("a", "", "Message-ID: <1@x>\r\n"));
    expect(maildir.findByMessageId(inbox.id, "<1@x>")).toEqual([1, 3]);
    expect(maildir.findByMessageId(inbox.id, "<3@x>")).toEqual([]);
    await inbox.expunge([1]);
    expect(maildir.findByMessageId(inbox.id, "<1@x>")).toEqual([3]);
  }),
);

test(
  "a message that was staged comes in with the caller's transaction and is undone with it",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const events: unknown[] = [];
    inbox.watch((change) => events.push(change));
    const staged = await maildir.stage(pieces(mail("staged")), { name: Buffer.from("letter 1") });
    expect(() =>
      home.db.transaction(() => {
        expect(maildir.insert(inbox.id, staged, { flags: [] })).toBe(1);
        throw new Error("undone");
      }),
    ).toThrow("undone");
    expect([inbox.uids(), events]).toEqual([[], []]);
    expect(inbox.status()).toMatchObject({ uidNext: 1, highestModSeq: 1 });
    home.db.transaction(() => {
      maildir.insert(inbox.id, staged, { flags: ["\\Seen"], internalDate: 5 });
      expect(events).toEqual([]);
    });
    expect(events).toEqual([{ kind: "added", uids: [1] }]);
    expect((await read(inbox, 1)).toString()).toBe(mail("staged"));
    await maildir.discard(staged);
    expect((await read(inbox, 1)).toString()).toBe(mail("staged"));
  }),
);

test(
  "a deterministic name is stored once: a repeat overwrites what was only staged and is refused after that",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const name = Buffer.from("letter 1");
    await maildir.stage(pieces(mail("first try")), { name });
    const staged = await maildir.stage(pieces(mail("second try")), { name });
    expect(home.messageFiles()).toHaveLength(1);
    maildir.insert(inbox.id, staged, { flags: [] });
    expect(() => maildir.insert(inbox.id, staged, { flags: [] })).toThrow(
      expect.objectContaining({ code: "already-exists" }),
    );
    await expect(maildir.stage(pieces("again"), { name })).rejects.toMatchObject({ code: "already-exists" });
    expect((await read(inbox, 1)).toString()).toBe(mail("second try"));
  }),
);

test(
  "of two who stage one name at the same time only the later can insert it, and discarding the other does no harm",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const name = Buffer.from("letter 1");
    const first = await maildir.stage(pieces(mail("first")), { name });
    const second = await maildir.stage(pieces(mail("the second")), { name });
    expect(() => maildir.insert(inbox.id, first, { flags: [] })).toThrow(expect.objectContaining({ code: "busy" }));
    await maildir.discard(first);
    maildir.insert(inbox.id, second, { flags: [] });
    await maildir.discard(first);
    await maildir.discard(second);
    expect((await read(inbox, 1)).toString()).toBe(mail("the second"));
  }),
);

test(
  "a staged message may go into another mailbox than was foreseen",
  inHome(async (home) => {
    const maildir = await home.open();
    const sent = box(maildir, "Sent");
    const staged = await maildir.stage(pieces(mail("x")));
    maildir.insert(sent.id, staged, { flags: ["\\Draft"] });
    expect((await read(sent, 1)).toString()).toBe(mail("x"));
    await maildir.close();
    expect(home.messageFiles("/cur/")).toHaveLength(1);
    expect((await read(sent, 1)).toString()).toBe(mail("x"));
    expect(flagsOf(sent, 1)).toEqual(["\\Draft"]);
  }),
);

test(
  "sixty megabytes pass through in flat memory",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const line = Buffer.from(`${"QUJD".repeat(18)}\r\n`.repeat(800));
    const parts = Math.ceil(60e6 / line.length);
    const content = async function* (): AsyncGenerator<Uint8Array> {
      yield Buffer.from("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n");
      for (let part = 0; part < parts; part++) yield line;
    };
    let peak = 0;
    const watch = setInterval(() => (peak = Math.max(peak, process.memoryUsage().arrayBuffers)), 5);
    const before = process.memoryUsage().arrayBuffers;
    await inbox.append([{ content: content(), flags: [] }]);
    let size = 0;
    for await (const piece of inbox.read(1, 0, Number.MAX_SAFE_INTEGER)) size += piece.length;
    clearInterval(watch);
    expect(size).toBeGreaterThan(60e6);
    expect(peak - before).toBeLessThan(45e6);
  }),
);

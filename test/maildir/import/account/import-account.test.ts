import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { FIRST_PIECE, PIECE } from "../../../../imap-client/limits.ts";
import {
  type AccountImportOptions,
  type AccountRequest,
  importAccount,
} from "../../../../maildir/import/account/import-account.ts";
import { MAX_LOST_IN_A_ROW } from "../../../../maildir/import/account/limits.ts";
import type { Maildir } from "../../../../maildir/store.ts";
import { box, flagsOf, inHome, mail, read } from "../../home.ts";
import { fetchAnswer, isAsked, type ServedLetter, SomeServer } from "./some-server.ts";

let server: SomeServer;
beforeEach(async () => {
  server = await SomeServer.start();
});
afterEach(async () => {
  await server.stop();
});

function serve(name: string, letters: ServedLetter[], attributes = "", uidValidity = 7): void {
  server.folders.set(name, { uidValidity, letters, attributes });
}

function letters(count: number, prefix = "letter"): ServedLetter[] {
  return Array.from({ length: count }, (_, index) => ({ uid: index * 2 + 1, content: mail(`${prefix} ${index}`) }));
}

/** Imports without waiting between attempts to connect. */
function importIt(maildir: Maildir, request: Partial<AccountRequest> = {}, options: AccountImportOptions = {}) {
  return importAccount(maildir, { ...server.login, ...request }, { retryDelays: [0, 0, 0], ...options });
}

test(
  "an account comes with its folders, flags, keywords and dates; special uses go to our folders",
  inHome(async (home) => {
    const maildir = await home.open();
    const date = "23-Nov-2021 12:00:00 +0200";
    serve("INBOX", [{ uid: 9, content: mail("one"), flags: "\\Seen \\Recent $Label1 \\Odd", date }]);
    serve("Gesendet", [{ uid: 1, content: mail("sent") }], "\\Sent");
    serve("Gesendet/2020", [{ uid: 1, content: mail("sent long ago") }]);
    serve("Work/Old", [], "\\HasNoChildren");
    const result = await importIt(maildir);
    expect(result).toMatchObject({ done: 3, added: 3, total: 3, known: 0, failed: 0 });
    expect(result.folders).toContainEqual({ from: "Gesendet", to: "Sent", messages: 1, added: 1 });
    expect(flagsOf(box(maildir, "INBOX"), 1)).toEqual(["\\Seen", "$Label1"]);
    expect([...box(maildir, "INBOX").summaries([1])][0]?.internalDate).toBe(Date.UTC(2021, 10, 23, 10));
    expect((await read(box(maildir, "Sent"), 1)).toString()).toBe(mail("sent"));
    expect((await read(box(maildir, "Sent/2020"), 1)).toString()).toBe(mail("sent long ago"));
    expect(box(maildir, "Work/Old").status().messages).toBe(0);
  }),
);

test(
  "importing twice fetches nothing, and what came meanwhile alone is fetched",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(5));
    await importIt(maildir);
    const before = server.fetches.length;
    expect(await importIt(maildir)).toMatchObject({ done: 5, added: 0, known: 5 });
    expect(server.fetches).toHaveLength(before);
    server.folders.get("INBOX")?.letters.push({ uid: 100, content: mail("new") });
    expect(await importIt(maildir)).toMatchObject({ done: 6, added: 1, known: 5 });
    expect(server.fetches.at(-1)).toMatch(/^UID FETCH 100 /);
  }),
);

test(
  "letters that were removed here do not come back, those of a folder that was removed do",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("Work", letters(3));
    await importIt(maildir);
    await box(maildir, "Work").expunge([1, 2]);
    expect(await importIt(maildir)).toMatchObject({ added: 0 });
    await maildir.remove("Work");
    expect(await importIt(maildir)).toMatchObject({ added: 3 });
  }),
);

test(
  "after UIDVALIDITY changed all is read again, and nothing is twice",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(4));
    await importIt(maildir);
    const renumbered = letters(4).map(({ content }, index) => ({ uid: index + 1, content }));
    serve("INBOX", [...renumbered, { uid: 5, content: mail("another") }], "", 8);
    expect(await importIt(maildir)).toMatchObject({ done: 5, added: 1, known: 0 });
    expect(box(maildir, "INBOX").status().messages).toBe(5);
    expect(await importIt(maildir)).toMatchObject({ added: 0, known: 5 });
  }),
);

test(
  "a connection that ends in the middle is opened again, and the rest comes once",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(30));
    let cuts = 0;
    server.intercept = (command, answer, socket) => {
      if (!command.startsWith("UID FETCH") || cuts++ >= 4) return false;
      const asked = [...letters(30).entries()].filter(([, { uid }]) => isAsked(command, uid));
      for (const [index, letter] of asked.slice(0, 6)) answer(fetchAnswer(index, letter, command));
      socket.end("* 99 FETCH (UID 59 FLAGS (");
      return true;
    };
    expect(await importIt(maildir)).toMatchObject({ done: 30, added: 30, failed: 0 });
    expect(server.connections).toBe(5);
    expect(box(maildir, "INBOX").status().messages).toBe(30);
  }),
);

test(
  "a server that does not come back ends the import with advice; what came stays, and the next run goes on",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(10));
    let refusing = false;
    server.intercept = (command, answer, socket) => {
      if (refusing) return Boolean(socket.destroy());
      if (!command.startsWith("UID FETCH")) return false;
      refusing = true;
      for (const [index, letter] of letters(4).entries()) answer(fetchAnswer(index, letter, command));
      socket.end();
      return true;
    };
    await expect(importIt(maildir)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/run the same command again/),
    });
    expect(server.connections).toBeLessThan(10);
    expect(box(maildir, "INBOX").status().messages).toBe(4);
    server.intercept = () => false;
    expect(await importIt(maildir)).toMatchObject({ done: 10, added: 6, known: 4 });
  }),
);

test(
  "a letter that the server cannot hand out is counted, the others come",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(6));
    server.intercept = (command, answer, socket, tag) => {
      if (!command.startsWith("UID FETCH") || !isAsked(command, 5)) return false;
      if (command.startsWith("UID FETCH 5 ")) answer(`${tag} NO [SERVERBUG] it is broken`);
      else socket.destroy();
      return true;
    };
    expect(await importIt(maildir)).toMatchObject({ done: 6, added: 5, failed: 1 });
    server.intercept = () => false;
    expect(await importIt(maildir)).toMatchObject({ added: 1, known: 5, failed: 0 });
  }),
);

test(
  "a literal of a gigabyte is not taken in: its letter is left out, the rest goes on",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(4));
    server.intercept = (command, answer) => {
      if (!command.startsWith("UID FETCH") || !isAsked(command, 3)) return false;
      answer(`* 2 FETCH (UID 3 FLAGS () BODY[]<0> {1000000000}\r\nFrom: `);
      return true;
    };
    expect(await importIt(maildir)).toMatchObject({ added: 3, failed: 1 });
  }),
);

test(
  "letters that were not asked for, or come twice, are passed over; those that do not come are gone",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(4));
    server.intercept = (command, answer, _socket, tag) => {
      if (!command.startsWith("UID FETCH")) return false;
      const served = letters(4).slice(0, 3);
      for (const [index, letter] of [...served, ...served, { uid: 77, content: mail("x") }].entries())
        answer(fetchAnswer(index, letter, command));
      answer(`${tag} OK`);
      return true;
    };
    expect(await importIt(maildir)).toMatchObject({ done: 4, added: 3, failed: 0 });
    expect(box(maildir, "INBOX").status().messages).toBe(3);
  }),
);

test(
  "a folder that the server cannot open is named, the others come",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(2));
    serve("Broken", letters(2, "other"));
    server.intercept = (command, answer, _socket, tag) => {
      if (!/^EXAMINE "?Broken/.test(command)) return false;
      answer(`${tag} NO [CORRUPTION] the index is\x01 damaged`);
      return true;
    };
    const { added, folders } = await importIt(maildir);
    expect(added).toBe(2);
    expect(folders).toContainEqual({
      from: "Broken",
      to: "Broken",
      messages: 2,
      added: 0,
      error: expect.stringMatching(/damaged/),
    });
  }),
);

test(
  "a folder of which no letter can be read is given up after a bounded number",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("Broken", letters(60));
    serve("INBOX", letters(2));
    let broken = false;
    server.intercept = (command, answer, _socket, tag) => {
      if (command.startsWith("EXAMINE")) broken = command.includes("Broken");
      if (!broken || !command.startsWith("UID FETCH")) return false;
      answer(`${tag} NO never`);
      return true;
    };
    const { folders, failed, added } = await importIt(maildir);
    expect(added).toBe(2);
    expect(failed).toBe(MAX_LOST_IN_A_ROW);
    expect(folders.find(({ from }) => from === "Broken")?.error).toMatch(/does not hand out/);
  }),
);

test(
  "a folder in which every letter breaks the connection is given up too, and does not stop the others",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("Broken", letters(60));
    serve("Whole", letters(2));
    let broken = false;
    server.intercept = (command, _answer, socket) => {
      if (command.startsWith("EXAMINE")) broken = command.includes("Broken");
      if (!broken || !command.startsWith("UID FETCH")) return false;
      socket.write("* 1 FETCH (UID 1 BODY[]<0> {4000000000}\r\n");
      return true;
    };
    const { folders, added } = await importIt(maildir);
    expect(added).toBe(2);
    expect(folders.find(({ from }) => from === "Broken")?.error).toMatch(/does not hand out/);
  }),
);

test(
  "long letters come in pieces, whatever the server says of their size",
  inHome(async (home) => {
    const maildir = await home.open();
    const sized = (length: number): string => mail(`long ${length}`, "").padEnd(length, "0123456789");
    const lengths = [FIRST_PIECE - 1, FIRST_PIECE, FIRST_PIECE + 1, PIECE, 2 * PIECE + 17];
    serve(
      "INBOX",
      lengths.map((length, index) => ({ uid: index + 1, content: sized(length) })),
    );
    expect(await importIt(maildir)).toMatchObject({ added: 5 });
    const inbox = box(maildir, "INBOX");
    const sizes = [...inbox.summaries(inbox.uids())].map(({ size }) => size);
    expect(sizes.sort((a, b) => a - b)).toEqual(lengths);
    for (const uid of inbox.uids()) {
      const content = (await read(inbox, uid)).toString("latin1");
      expect(content).toBe(sized(content.length));
    }
  }),
);

test(
  "what is larger than the store takes is counted and not fetched whole",
  inHome(async (home) => {
    const maildir = await home.open({ appendLimit: 2 * FIRST_PIECE });
    serve("INBOX", [...letters(2), { uid: 50, content: mail("huge", "x".repeat(3 * PIECE)) }]);
    expect(await importIt(maildir)).toMatchObject({ done: 3, added: 2, tooBig: 1 });
    expect(server.fetches).toHaveLength(1);
  }),
);

test(
  "a dry run tells what would come and where to, and makes nothing",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(3));
    serve("Work", letters(2, "work"));
    const result = await importIt(maildir, { dryRun: true, into: "Old" });
    expect(result).toMatchObject({
      added: 5,
      folders: [
        { from: "INBOX", to: "Old/INBOX", messages: 3, added: 3 },
        { from: "Work", to: "Old/Work", messages: 2, added: 2 },
      ],
    });
    expect(server.fetches).toEqual([]);
    expect(maildir.mailbox("Old")).toBeUndefined();
  }),
);

test(
  "all mail brings only what no other folder brought; views bring nothing unless they are asked for",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(2));
    serve("All Mail", [...letters(2), { uid: 90, content: mail("archived") }], "\\All");
    serve("Starred", letters(1), "\\Flagged");
    expect(await importIt(maildir)).toMatchObject({ added: 3 });
    expect(maildir.mailbox("Starred")).toBeUndefined();
    expect(box(maildir, "Archive").status().messages).toBe(1);
    expect(await importIt(maildir, { folders: ["Starred"] })).toMatchObject({ added: 1 });
  }),
);

test(
  "folders below the server's prefix lose it",
  inHome(async (home) => {
    const maildir = await home.open();
    server.namespace = '(("INBOX." ".")) NIL NIL';
    server.delimiter = ".";
    serve("INBOX", []);
    serve("INBOX.Work.a/b", letters(1));
    expect((await importIt(maildir)).folders.map(({ to }) => to)).toEqual(["INBOX", "Work/a_b"]);
  }),
);

test(
  "a wrong password is told at once, and stands nowhere",
  inHome(async (home) => {
    const maildir = await home.open();
    server.intercept = (command, answer, _socket, tag) => {
      if (!/^(LOGIN|AUTHENTICATE)/.test(command)) return false;
      answer(`${tag} NO [AUTHENTICATIONFAILED] no`);
      return true;
    };
    const failure = await importIt(maildir).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "forbidden", message: expect.stringMatching(/user or the password/) });
    expect((failure as Error).message).not.toContain("secret");
    expect(server.connections).toBe(1);
  }),
);

test(
  "a certificate to check demands TLS, and a server without it never sees the password",
  inHome(async (home) => {
    const maildir = await home.open();
    await expect(importIt(maildir, { ca: "PEM" })).rejects.toMatchObject({
      code: "forbidden",
      message: expect.stringMatching(/--plaintext/),
    });
    expect(server.commands.join("\n")).not.toMatch(/LOGIN|AUTHENTICATE/);
  }),
);

test(
  "a folder that is not there is told by name",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(1));
    await expect(importIt(maildir, { folders: ["Wrok"] })).rejects.toMatchObject({ code: "nonexistent" });
  }),
);

test(
  "an import that is stopped keeps what came",
  inHome(async (home) => {
    const maildir = await home.open();
    serve("INBOX", letters(300));
    const stop = new AbortController();
    const onProgress = ({ added }: { added: number }): void => {
      if (added > 0) stop.abort(new Error("stopped"));
    };
    await expect(importIt(maildir, {}, { onProgress, signal: stop.signal })).rejects.toThrow("stopped");
    const kept = box(maildir, "INBOX").status().messages;
    expect(kept).toBeGreaterThan(0);
    expect(await importIt(maildir)).toMatchObject({ added: 300 - kept, known: kept });
  }),
);

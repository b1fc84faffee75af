import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, expect, test } from "@jest/globals";
import { box, collect, inHome, pieces } from "../maildir/home.ts";
import { Client, serve, stopServers } from "./dialogue.ts";
import { MemoryStore } from "./memory-store.ts";

afterEach(stopServers);

const MEGABYTE = 1024 * 1024;

function large(octets: number): string {
  const line = `${"0123456789".repeat(7)}\r\n`;
  return `Subject: large\r\n\r\n${line.repeat(Math.ceil(octets / line.length))}`;
}

test("a message that cannot be read is a BADURL, also where it breaks off in the middle", async () => {
  const store = new MemoryStore({ INBOX: undefined });
  const inbox = store.mailbox("INBOX");
  inbox?.put(large(300_000));
  inbox?.put("Subject: whole\r\n\r\n");
  const client = await (await Client.connect(await serve(store, { limits: { bufferedSection: 1000 } }))).login();
  const broken = "NO [BADURL /INBOX/;UID=1] the message cannot be read\r\n";
  inbox?.damaged.add(1);
  expect(await client.command("a", "APPEND INBOX CATENATE (URL /INBOX/;UID=2 URL /INBOX/;UID=1)")).toBe(`a ${broken}`);
  inbox?.damaged.delete(1);
  if (inbox !== undefined) inbox.breaksOffAt = 200_000;
  expect(await client.command("b", "APPEND INBOX CATENATE (URL /INBOX/;UID=2 URL /INBOX/;UID=1)")).toBe(`b ${broken}`);
  expect(inbox?.uids()).toEqual([1, 2]);
  expect(await client.command("c", "NOOP")).toBe("c OK completed\r\n");
});

test("more parts than the limit are refused", async () => {
  const client = await (await Client.connect(await serve(undefined, { limits: { catenatedParts: 2 } }))).login();
  expect(await client.command("a", "APPEND INBOX CATENATE (TEXT {1+}\r\nx TEXT {1+}\r\ny)")).toMatch(/^a OK/);
  expect(await client.command("b", "APPEND INBOX CATENATE (TEXT {1+}\r\nx TEXT {1+}\r\ny TEXT {1+}\r\nz)")).toMatch(
    /^b NO \[LIMIT\]/,
  );
});

test(
  "on a Maildir large pieces of encrypted messages go into a new one, octet for octet",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const source = Buffer.from(large(5 * MEGABYTE));
    const [uid] = await inbox.append([{ content: pieces(source), flags: [] }]);
    const client = await (await Client.connect(await serve(maildir))).login();
    const url = `/INBOX;UIDVALIDITY=${inbox.uidValidity}/;UID=${uid}`;
    const answer = await client.command(
      "a",
      `APPEND Drafts CATENATE (URL ${url}/;SECTION=HEADER TEXT {3+}\r\nabc URL ${url}/;SECTION=TEXT URL ${url}/;PARTIAL=${MEGABYTE}.${2 * MEGABYTE})`,
    );
    expect(answer).toMatch(/^a OK \[APPENDUID \d+ 1\]/);
    const end = source.indexOf("\r\n\r\n") + 4;
    const expected = [source.subarray(0, end), Buffer.from("abc"), source.subarray(end)];
    expected.push(source.subarray(MEGABYTE, 3 * MEGABYTE));
    const stored = await collect(box(maildir, "Drafts").read(1, 0, Number.MAX_SAFE_INTEGER));
    expect(stored.equals(Buffer.concat(expected))).toBe(true);
  }),
);

test(
  "on a Maildir a piece that is damaged leaves nothing behind, of this message or of those before it",
  inHome(async (home) => {
    const maildir = await home.open();
    const inbox = box(maildir, "INBOX");
    const source = Buffer.from(large(5 * MEGABYTE));
    const [uid] = await inbox.append([{ content: pieces(source), flags: [] }]);
    const files = home.messageFiles();
    const [path = ""] = files;
    const octets = readFileSync(path);
    octets[octets.length >> 1] = (octets[octets.length >> 1] as number) ^ 1;
    writeFileSync(path, octets);
    const client = await (await Client.connect(await serve(maildir))).login();
    const url = `/INBOX/;UID=${uid}`;
    const answer = await client.command(
      "a",
      `APPEND Drafts {3+}\r\nabc CATENATE (TEXT {3+}\r\nabc URL ${url}) {3+}\r\ndef`,
    );
    expect(answer).toMatch(/^a NO \[BADURL \/INBOX\/;UID=1\]/);
    expect(box(maildir, "Drafts").uids()).toEqual([]);
    expect(home.messageFiles()).toEqual(files);
  }),
);

import { afterEach, expect, test } from "@jest/globals";
import { startImapServer } from "../../imap-front/server.ts";
import { FakeClock } from "../maildir/home.ts";
import { Client } from "./dialogue.ts";
import { MemoryMailbox, MemoryStore } from "./memory-store.ts";

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

test("a long search says every ten seconds that it goes on, a short one nothing, RFC 9585 section 4", async () => {
  const store = new MemoryStore();
  const clock = new FakeClock();
  const inbox = store.mailbox("INBOX") as MemoryMailbox;
  inbox.put("Subject: x\r\n\r\ny");
  let begun: () => void = () => undefined;
  let finish: (found: ReadonlySet<number>) => void = () => undefined;
  inbox.searchText = () =>
    new Promise((resolve) => {
      finish = resolve;
      begun();
    });
  const server = await startImapServer({
    host: "127.0.0.1",
    port: 0,
    plaintextLogin: true,
    clock,
    authenticator: store.authenticator("ann", "secret"),
  });
  ends.push(() => server.stop());
  const client = await (await Client.connect(server)).login();
  ends.push(() => client.close());
  await client.command("a1", "SELECT INBOX");

  for (const [tag, told] of [
    ["a2", '"a2"'],
    ["a]3", "NIL"],
  ] as const) {
    const searching = new Promise<void>((resolve) => (begun = resolve));
    client.send(`${tag} SEARCH BODY y\r\n`);
    await searching;
    clock.advance(9_999);
    clock.advance(1);
    expect(await client.until(/^[^\n]*\n/)).toBe(`* OK [INPROGRESS (${told} NIL NIL)] Still working\r\n`);
    clock.advance(10_000);
    expect(await client.until(/^[^\n]*\n/)).toBe(`* OK [INPROGRESS (${told} NIL NIL)] Still working\r\n`);
    finish(new Set([1]));
    expect(await client.until(/SEARCH completed\r\n/)).toBe(`* SEARCH 1\r\n${tag} OK SEARCH completed\r\n`);
  }

  const searching = new Promise<void>((resolve) => (begun = resolve));
  client.send("a4 SEARCH BODY y\r\n");
  await searching;
  clock.advance(9_999);
  finish(new Set());
  expect(await client.until(/SEARCH completed\r\n/)).toBe("* SEARCH\r\na4 OK SEARCH completed\r\n");
  clock.advance(60_000);
  expect(await client.command("a5", "NOOP")).toBe("a5 OK completed\r\n");
});

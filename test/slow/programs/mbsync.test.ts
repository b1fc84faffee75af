import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { ImapFlow } from "imapflow";
import { formatLetter, sendRaw, untilLetter, untilMessages } from "../../../rig/letters.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { mailAccount } from "./mail-account.ts";
import { Mbsync } from "./mbsync.ts";

const FOLDER = "Projects/Prüfung & Söhne";
/** As it is on the wire and thus on mbsync's disk: modified UTF-7 (RFC 3501 section 5.1.3). */
const FOLDER_ON_DISK = "Projects/Pr&APw-fung &- S&APY-hne";

let people: TwoPeople;
let client: ImapFlow;
let mbsync: Mbsync;

beforeAll(async () => {
  people = await TwoPeople.meet();
  client = await people.bob.imap();
  mbsync = new Mbsync({
    account: mailAccount(people.bob),
    security: "tls",
    home: join(people.scratch, "mbsync-tls"),
  });
}, 60_000);

afterAll(async () => {
  await client?.logout();
  await people?.part();
});

const letter = (subject: string, body = `${subject}\r\n`) =>
  formatLetter({ From: people.alice.account.address, To: "bob@postern.alt", Subject: subject }, body);

/** Every message on the server: mailbox, UID, flags and the count of its changes. */
async function serverState(): Promise<string[]> {
  const state: string[] = [];
  for (const { path } of await client.list()) {
    const lock = await client.getMailboxLock(path);
    try {
      await client.noop();
      if (typeof client.mailbox === "object" && client.mailbox.exists > 0)
        for await (const { uid, flags, modseq } of client.fetch("1:*", { uid: true, flags: true }))
          state.push(`${path} ${uid} ${[...(flags ?? [])].sort().join(" ")} ${modseq}`);
    } finally {
      lock.release();
    }
  }
  return state;
}

async function syncWell(): Promise<void> {
  expect(await mbsync.sync()).toMatchObject({ status: 0 });
}

describe("mbsync", () => {
  test("brings all folders down, with flags and every octet", async () => {
    const smtp = people.alice.smtp();
    const sender = people.alice.account.address;
    const large = `${"0123456789abcdef".repeat(4)}\r\n`.repeat(5_000);
    for (const subject of ["one", "two", "three"])
      await sendRaw(
        smtp,
        { from: sender, to: "bob@postern.alt" },
        letter(subject, subject === "two" ? large : undefined),
      );
    smtp.close();
    await untilMessages(client, 3);
    await client.mailboxCreate(FOLDER);
    for (let number = 0; number < 30; number++)
      await client.append(FOLDER, letter(`filed ${number}`), number === 7 ? ["\\Seen", "\\Flagged"] : ["\\Seen"]);

    await syncWell();
    expect(mbsync.folders()).toEqual(
      expect.arrayContaining(["Archive", "Drafts", "INBOX", "Junk", FOLDER_ON_DISK, "Sent", "Trash"]),
    );
    expect(mbsync.messages(FOLDER_ON_DISK)).toHaveLength(30);
    expect(mbsync.message(FOLDER_ON_DISK, "Subject: filed 7\n").flags).toBe("FS");
    const { source } = await untilLetter(client, "INBOX", "two");
    // In a Maildir lines end with LF; X-TUID is mbsync's own mark.
    const local = mbsync.message("INBOX", "Subject: two\n").content.toString();
    expect(local.replace(/^X-TUID: .*\n/m, "")).toBe(source.toString().replaceAll("\r\n", "\n"));
  }, 120_000);

  test("changes nothing in a second run, on neither side", async () => {
    const before = { local: mbsync.fingerprint(), server: await serverState() };
    await syncWell();
    expect({ local: mbsync.fingerprint(), server: await serverState() }).toEqual(before);
  }, 120_000);

  test("carries flags both ways", async () => {
    const one = await untilLetter(client, "INBOX", "one");
    const lock = await client.getMailboxLock("INBOX");
    await client.messageFlagsAdd(String(one.uid), ["\\Flagged", "\\Answered"], { uid: true });
    lock.release();
    mbsync.setFlags(mbsync.message("INBOX", "Subject: three\n"), "FS");
    await syncWell();
    expect(mbsync.message("INBOX", "Subject: one\n").flags).toBe("FR");
    const three = await untilLetter(client, "INBOX", "three");
    expect([...three.flags]).toEqual(expect.arrayContaining(["\\Flagged", "\\Seen"]));
    mbsync.setFlags(mbsync.message("INBOX", "Subject: three\n"), "S");
    await syncWell();
    expect((await untilLetter(client, "INBOX", "three")).flags.has("\\Flagged")).toBe(false);
  }, 120_000);

  test("takes new messages and folders up, once each", async () => {
    mbsync.put("INBOX", Buffer.from("From: bob@postern.alt\nSubject: from the disk\n\nHello\n"));
    mbsync.put("On disk", Buffer.from("From: bob@postern.alt\nSubject: in a new folder\n\nHello\n"));
    await syncWell();
    await syncWell();
    const uploaded = (await serverState()).filter((line) => line.startsWith("On disk "));
    expect(uploaded).toHaveLength(1);
    expect((await client.status("INBOX", { messages: true })) || undefined).toMatchObject({ messages: 4 });
    expect(mbsync.messages("INBOX")).toHaveLength(4);
    expect((await untilLetter(client, "INBOX", "from the disk")).source.toString()).toMatch(/\r\n\r\nHello\r\n$/);
  }, 120_000);

  test("carries deletions both ways", async () => {
    mbsync.setFlags(mbsync.message(FOLDER_ON_DISK, "Subject: filed 1\n"), "ST");
    const lock = await client.getMailboxLock(FOLDER);
    await client.messageDelete({ header: { subject: "filed 25" } });
    lock.release();
    await syncWell();
    expect(mbsync.messages(FOLDER_ON_DISK)).toHaveLength(28);
    expect((await client.status(FOLDER, { messages: true })) || undefined).toMatchObject({ messages: 28 });
  }, 120_000);

  test("does the same over STARTTLS", async () => {
    const other = new Mbsync({
      account: mailAccount(people.bob),
      security: "starttls",
      home: join(people.scratch, "mbsync-starttls"),
    });
    expect(await other.sync()).toMatchObject({ status: 0 });
    expect(other.folders()).toEqual(mbsync.folders());
    for (const folder of other.folders()) {
      const subjects = (here: Mbsync) =>
        here.messages(folder).map(({ content }) => /^Subject: .*/m.exec(content.toString("latin1"))?.[0] ?? "");
      expect(subjects(other).sort()).toEqual(subjects(mbsync).sort());
    }
  }, 120_000);

  test("refuses a bridge whose certificate another authority signed", async () => {
    const account = { ...mailAccount(people.bob), caFile: people.alice.account.caFile };
    const deceived = new Mbsync({ account, security: "tls", home: join(people.scratch, "mbsync-deceived") });
    const { status, stderr } = await deceived.sync();
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/certificate/);
  }, 60_000);
});

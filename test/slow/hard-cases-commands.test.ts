import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { bodyOf, fetchAll, formatLetter, sendRaw, untilMessages } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { PosternServer, postern } from "../../rig/postern-process.ts";

let scratch: string;
let relay: PosternServer;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-commands-"));
  relay = await PosternServer.start(scratch, "relay", "--home", join(scratch, "relay"), "--listen", "127.0.0.1:0");
}, 60_000);

afterAll(async () => {
  await relay?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

const letter = (subject: string) =>
  formatLetter(
    {
      From: "ann@example.org",
      Subject: subject,
      Date: "Mon, 2 Mar 2020 10:00:00 +0000",
      "Message-ID": `<${subject}@x>`,
    },
    `${subject}\r\nFrom here on\r\n`,
  );

interface Imported {
  readonly done: number;
  readonly added: number;
}

describe.each([
  ["runs", true],
  ["does not run", false],
])("while the bridge %s", (_how, running) => {
  let person: Person;
  let mail: string;

  beforeAll(async () => {
    const name = running ? "runner" : "sleeper";
    person = await Person.create(name, scratch, relay.url);
    if (running) await person.start();
    mail = join(scratch, `${name}-mail`);
    mkdirSync(mail);
  }, 60_000);

  afterAll(async () => {
    await person?.stop();
  });

  /** The folder's messages, by a bridge that is started for that if none runs. */
  async function folder(name: string): Promise<Buffer[]> {
    if (!running) await person.start();
    const client = await person.imap();
    try {
      return [...(await fetchAll(client, name)).values()];
    } finally {
      await client.logout();
      if (!running) await person.stop();
    }
  }

  const texts = (messages: readonly Buffer[]) => messages.map((message) => bodyOf(message).toString()).toSorted();

  test("an .eml file is imported once, however often it is asked for", async () => {
    const path = join(mail, "letter.eml");
    writeFileSync(path, letter("eml"));
    const load = () => person.command<Imported>("import", path, "--folder", "Old/One");
    expect(await load()).toMatchObject({ done: 1, added: 1 });
    expect(await load()).toMatchObject({ done: 1, added: 0 });
    expect(texts(await folder("Old/One"))).toEqual(["eml\r\nFrom here on\r\n"]);
  }, 60_000);

  test("an mbox is imported once, its quoted From lines as they were", async () => {
    const path = join(mail, "archive.mbox");
    const entries = ["one", "two", "three"].map(
      (subject) =>
        `From ann@example.org Mon Mar  2 10:00:00 2020\n${letter(subject)
          .toString()
          .replaceAll("\r\n", "\n")
          .replace(/^From here/m, ">From here")}\n`,
    );
    writeFileSync(path, entries.join(""));
    const load = () => person.command<Imported>("import", path, "--folder", "Archive");
    expect(await load()).toMatchObject({ done: 3, added: 3 });
    expect(await load()).toMatchObject({ done: 3, added: 0 });
    expect(texts(await folder("Archive"))).toEqual(
      ["one", "three", "two"].map((subject) => `${subject}\r\nFrom here on\r\n`),
    );
  }, 60_000);

  test("a Maildir is imported once, and what came into it since is added", async () => {
    const path = join(mail, "maildir");
    for (const part of ["cur", "new", "tmp"]) mkdirSync(join(path, part), { recursive: true });
    writeFileSync(join(path, "cur", "1583143200.1.host:2,FS"), letter("read"));
    writeFileSync(join(path, "new", "1583143200.2.host"), letter("unread"));
    const load = () => person.command<Imported>("import", path, "--folder", "INBOX");
    expect(await load()).toMatchObject({ done: 2, added: 2 });
    writeFileSync(join(path, "new", "1583143200.3.host"), letter("late"));
    expect(await load()).toMatchObject({ done: 3, added: 1 });
    expect(texts(await folder("INBOX"))).toHaveLength(3);
  }, 60_000);

  test("what cannot be imported is named, and no folder is made for it", async () => {
    const missing = await postern(
      scratch,
      "import",
      join(mail, "nothing"),
      "--folder",
      "Nothing",
      "--home",
      person.home,
    );
    expect(missing.status).toBe(6);
    expect(missing.stderr).toContain(join(mail, "nothing"));
    const empty = join(mail, "empty-directory");
    mkdirSync(empty);
    const strange = await postern(scratch, "import", empty, "--folder", "Nothing", "--home", person.home);
    expect(strange.status).toBe(2);
    if (!running) await person.start();
    const client = await person.imap();
    const paths = (await client.list()).map((listed) => listed.path);
    await client.logout();
    if (!running) await person.stop();
    expect(paths).not.toContain("Nothing");
  }, 60_000);
});

const both = [
  [true, true],
  [true, false],
  [false, true],
  [false, false],
] as const;
test.each(both)(
  "an invite makes two contacts: inviter running %s, accepter running %s",
  async (inviterRuns, accepterRuns) => {
    const suffix = `${inviterRuns ? "r" : "s"}${accepterRuns ? "r" : "s"}`;
    const ann = await Person.create(`ann-${suffix}`, scratch, relay.url);
    const ben = await Person.create(`ben-${suffix}`, scratch, relay.url);
    try {
      if (inviterRuns) await ann.start();
      if (accepterRuns) await ben.start();
      const { invite } = await ann.command<{ invite: string }>("invite", "--name", "ben");
      const { contact } = await ben.command<{ contact: { petname: string; address: string } }>(
        "accept",
        invite,
        "--name",
        "ann",
      );
      expect(contact).toMatchObject({ petname: "ann", address: ann.account.address });
      if (!inviterRuns) await ann.start();
      if (!accepterRuns) await ben.start();
      for (const [from, to] of [
        [ben, ann],
        [ann, ben],
      ] as const) {
        const name = to === ann ? "ann" : "ben";
        if (from === ann) await contactOf(ann, "ben");
        const smtp = from.smtp();
        const raw = formatLetter({ From: from.account.address, To: `${name}@postern.alt`, Subject: "hello" }, "x\r\n");
        await sendRaw(smtp, { from: from.account.address, to: `${name}@postern.alt` }, raw);
        smtp.close();
        const reader = await to.imap();
        await untilMessages(reader, 1);
        expect((await fetchAll(reader)).size).toBe(1);
        await reader.logout();
      }
    } finally {
      await Promise.all([ann.stop(), ben.stop()]);
    }
  },
  120_000,
);

async function contactOf(person: Person, petname: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const { contacts } = await person.command<{ contacts: { petname: string }[] }>("contacts");
    if (contacts.some((contact) => contact.petname === petname)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${petname} did not become a contact`);
}

test("an invite that somebody used is dead for everybody else, and each is told why", async () => {
  const ann = await Person.create("ann-once", scratch, relay.url);
  const ben = await Person.create("ben-once", scratch, relay.url);
  const eve = await Person.create("eve-once", scratch, relay.url);
  await ann.start();
  try {
    const { invite } = await ann.command<{ invite: string }>("invite", "--name", "ben");
    await ben.command("accept", invite, "--name", "ann");
    const second = await postern(scratch, "accept", invite, "--name", "ann", "--home", eve.home);
    expect(second.status).not.toBe(0);
    expect(second.stderr).toMatch(/^postern: [^\n]+\n$/);
    const own = await postern(scratch, "accept", invite, "--name", "me", "--home", ann.home);
    expect(own.status).not.toBe(0);
    const mistyped = await postern(scratch, "accept", invite.slice(0, -4), "--name", "ann", "--home", eve.home);
    expect(mistyped.status).toBe(2);
    expect((await eve.command<{ contacts: unknown[] }>("contacts")).contacts).toEqual([]);
  } finally {
    await ann.stop();
  }
}, 120_000);

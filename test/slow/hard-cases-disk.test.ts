import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import SQLite from "better-sqlite3-multiple-ciphers";
import type { ImapFlow } from "imapflow";
import { bodyOf, fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import type { Person } from "../../rig/person.ts";
import { postern } from "../../rig/postern-process.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";
import { Tmpfs } from "./tmpfs.ts";

const HOME_SIZE = 160 * 1024 * 1024;

let people: TwoPeople;
const disks: { alice?: Tmpfs; bob?: Tmpfs; relay?: Tmpfs } = {};

beforeAll(async () => {
  people = await TwoPeople.meet((scratch) => {
    disks.alice = new Tmpfs(join(scratch, "alice"), HOME_SIZE);
    disks.bob = new Tmpfs(join(scratch, "bob"), HOME_SIZE);
    disks.relay = new Tmpfs(join(scratch, "relay"), HOME_SIZE);
  });
}, 60_000);

afterAll(async () => {
  await Promise.all([people?.alice.stop(), people?.bob.stop(), people?.relay.stop()]);
  for (const disk of Object.values(disks)) disk.unmount();
  if (people !== undefined) rmSync(people.scratch, { recursive: true, force: true });
});

function diskOf(owner: "alice" | "bob" | "relay"): Tmpfs {
  const disk = disks[owner];
  if (disk === undefined) throw new Error("not mounted");
  return disk;
}

function letter(subject: string, octets: number): Buffer {
  const body = randomBytes(octets)
    .toString("base64")
    .replace(/(.{76})/g, "$1\r\n");
  return formatLetter({ From: people.alice.account.address, To: "bob@postern.alt", Subject: subject }, `${body}\r\n`);
}

const envelope = () => ({ from: people.alice.account.address, to: "bob@postern.alt" });

async function withImap<T>(person: Person, use: (client: ImapFlow) => Promise<T>): Promise<T> {
  const client = await person.imap();
  try {
    return await use(client);
  } finally {
    await client.logout();
  }
}

const digest = (message: Buffer) => createHash("sha256").update(bodyOf(message)).digest("hex");
const subjectOf = (message: Buffer) => /^Subject: (.*?)\r?$/m.exec(headerOf(message))?.[1] ?? "";

async function until(what: string, condition: () => Promise<boolean> | boolean, patience = 60_000): Promise<void> {
  const end = Date.now() + patience;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`${what} did not come about`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function cellsAtRelay(): number {
  const database = new SQLite(join(people.scratch, "relay", "relay.db"), { readonly: true });
  try {
    return database.prepare<[], number>("SELECT count(*) FROM cell").pluck().get() ?? 0;
  } finally {
    database.close();
  }
}

const waiting = async (person: Person) =>
  (await person.command<{ queue: { waiting: number } }>("status")).queue.waiting;

/** The code in brackets with which a mail program's APPEND was refused; undefined if it was not. */
async function appendRefusal(client: ImapFlow, mailbox: string, raw: Buffer): Promise<string | undefined> {
  try {
    await client.append(mailbox, raw);
    return undefined;
  } catch (error) {
    return (error as { serverResponseCode?: string }).serverResponseCode ?? String(error);
  }
}

test("a full disk at the recipient: letters wait at the relay, APPEND is told OVERQUOTA, and all arrive once when there is space", async () => {
  const { alice, bob } = people;
  const sent = Array.from({ length: 6 }, (_, index) => letter(`to a full disk ${index}`, 200_000));
  diskOf("bob").fill();
  const smtp = alice.smtp();
  for (const raw of sent) await sendRaw(smtp, envelope(), raw);
  smtp.close();
  await until("relaying", async () => (await waiting(alice)) === 0);
  expect(cellsAtRelay()).toBeGreaterThan(60);

  await withImap(bob, async (client) => {
    expect(await appendRefusal(client, "Drafts", letter("draft", 300_000))).toBe("OVERQUOTA");
    expect(await appendRefusal(client, "Drafts", letter("draft", 300_000))).toBe("OVERQUOTA");
    expect((await fetchAll(client, "Drafts")).size).toBe(0);
    expect((await fetchAll(client)).size).toBe(0);
  });
  expect(bob.bridge.log).not.toMatch(/ error |"level":"error"/);

  diskOf("bob").free();
  const freed = Date.now();
  await withImap(bob, async (client) => {
    await untilMessages(client, sent.length, 120_000);
    console.log(`all letters there ${Date.now() - freed} ms after there was space again`);
    const arrived = [...(await fetchAll(client)).values()];
    expect(arrived.map(digest).sort()).toEqual(sent.map(digest).sort());
    expect(await appendRefusal(client, "Drafts", letter("draft", 300_000))).toBeUndefined();
  });
  await until("acknowledging", () => cellsAtRelay() === 0);
}, 240_000);

test("a full disk at the sender: 452, nothing half-filed, and the same letter goes once there is space", async () => {
  const { alice, bob } = people;
  const before = await withImap(alice, async (client) => (await fetchAll(client, "Sent")).size);
  const raw = letter("from a full disk", 1_000_000);
  diskOf("alice").fill();
  const smtp = alice.smtp();
  for (let tries = 0; tries < 2; tries++)
    await expect(sendRaw(smtp, envelope(), raw)).rejects.toMatchObject({
      responseCode: 452,
      response: expect.stringContaining("4.3.1"),
    });
  await withImap(alice, async (client) => {
    expect(await appendRefusal(client, "Drafts", letter("draft", 300_000))).toBe("OVERQUOTA");
    expect((await fetchAll(client, "Sent")).size).toBe(before);
  });
  expect(alice.bridge.log).not.toMatch(/ error |"level":"error"/);

  diskOf("alice").free();
  expect(await sendRaw(smtp, envelope(), raw)).toMatch(/^250 /);
  smtp.close();
  await withImap(bob, async (client) => {
    await until("arriving", async () =>
      [...(await fetchAll(client)).values()].some((message) => digest(message) === digest(raw)),
    );
    expect([...(await fetchAll(client)).values()].filter((message) => digest(message) === digest(raw))).toHaveLength(1);
  });
  expect(await withImap(alice, async (client) => (await fetchAll(client, "Sent")).size)).toBe(before + 1);
}, 120_000);

test("a disk that becomes full under many submissions: what got its 250 arrives once and is in Sent once, what got 452 is nowhere", async () => {
  const { alice, bob } = people;
  diskOf("alice").fill(5_000_000);
  const smtp = alice.smtp(4);
  const taken: string[] = [];
  const refused: number[] = [];
  await Promise.all(
    Array.from({ length: 30 }, async (_, index) => {
      const subject = `nearly full ${index}`;
      try {
        await sendRaw(smtp, envelope(), letter(subject, 250_000));
        taken.push(subject);
      } catch (error) {
        refused.push((error as { responseCode?: number }).responseCode ?? 0);
      }
    }),
  );
  smtp.close();
  expect(taken.length).toBeGreaterThan(0);
  expect(refused.length).toBeGreaterThan(0);
  expect(new Set(refused)).toEqual(new Set([452]));
  diskOf("alice").free();

  const found = (messages: Map<number, Buffer>) =>
    [...messages.values()]
      .map(subjectOf)
      .filter((subject) => subject.startsWith("nearly full"))
      .sort();
  await withImap(bob, async (client) => {
    await until("arriving", async () => found(await fetchAll(client)).length >= taken.length);
    expect(found(await fetchAll(client))).toEqual(taken.sort());
  });
  expect(await withImap(alice, async (client) => found(await fetchAll(client, "Sent")))).toEqual(taken.sort());
  console.log(`${taken.length} letters taken, ${refused.length} refused with 452`);
}, 180_000);

test("a full disk at the relay: letters wait at their sender, and arrive once when there is space", async () => {
  const { alice, bob } = people;
  const known = await withImap(bob, async (client) => (await fetchAll(client)).size);
  diskOf("relay").fill();
  const sent = Array.from({ length: 5 }, (_, index) => letter(`over a full relay ${index}`, 300_000));
  const smtp = alice.smtp();
  for (const raw of sent) expect(await sendRaw(smtp, envelope(), raw)).toMatch(/^250 /);
  smtp.close();
  await until("trying", () => /"level":"warn"/.test(people.relay.log), 10_000);
  expect(await waiting(alice)).toBeGreaterThan(0);
  diskOf("relay").free();
  const freed = Date.now();
  await withImap(bob, async (client) => {
    await untilMessages(client, known + sent.length, 120_000);
    console.log(`all letters there ${Date.now() - freed} ms after the relay had space again`);
    const arrived = [...(await fetchAll(client)).values()].filter((raw) =>
      subjectOf(raw).startsWith("over a full relay"),
    );
    expect(arrived.map(digest).toSorted()).toEqual(sent.map(digest).toSorted());
  });
  expect(people.relay.log).not.toMatch(/"level":"error"/);
}, 180_000);

test("a bridge that is started on a full disk says so, changes nothing, and starts once there is space", async () => {
  const { bob } = people;
  await bob.stop();
  diskOf("bob").fill();
  const refused = await postern(people.scratch, "run", "--home", bob.home, "--json");
  expect(refused.stderr).toMatch(/^postern: [^\n]*disk is full[^\n]*$/m);
  expect(refused.status).toBe(8);
  expect(refused.stderr).not.toMatch(/\n +at /);
  diskOf("bob").free();
  await bob.start();
  expect(await withImap(bob, async (client) => (await fetchAll(client)).size)).toBeGreaterThan(6);
}, 60_000);

test("a home on a read-only disk is told as such by every command, and is as before once it can be written", async () => {
  const { bob, scratch } = people;
  await bob.stop();
  diskOf("bob").makeReadOnly();
  for (const args of [["run"], ["status"], ["contacts"], ["invite"], ["app-password"]]) {
    const [command = "", ...rest] = args;
    const { status, stderr } = await postern(scratch, command, "--home", bob.home, ...rest);
    expect([command, status]).toEqual([command, 10]);
    expect(stderr).toMatch(/^postern: [^\n]*read-only[^\n]*\n$/);
  }
}, 60_000);

test("init on a full or read-only disk says so and leaves no home", async () => {
  const scratch = mkdtempSync(join(tmpdir(), "postern-disk-"));
  const disk = new Tmpfs(join(scratch, "disk"), 1_000_000);
  try {
    const home = join(disk.directory, "home");
    disk.fill(100_000);
    const full = await postern(scratch, "init", "--home", home);
    expect(full.status).toBe(8);
    expect(full.stderr).toMatch(/^postern: [^\n]*disk is full[^\n]*\n$/);
    expect((await postern(scratch, "status", "--home", home)).status).toBe(6);
    disk.makeReadOnly();
    const readOnly = await postern(scratch, "init", "--home", join(disk.directory, "other"));
    expect(readOnly.status).toBe(10);
    expect(readOnly.stderr).toMatch(/^postern: [^\n]*read-only[^\n]*\n$/);
  } finally {
    disk.unmount();
    rmSync(scratch, { recursive: true, force: true });
  }
}, 60_000);

import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fetchAll, formatLetter, headerOf, sendRaw, untilMessages } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { postern } from "../../rig/postern-process.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

const letter = (subject: string) =>
  formatLetter(
    {
      From: people.alice.account.address,
      To: "bob@postern.alt",
      Subject: subject,
      "Message-ID": `<${randomBytes(9).toString("hex")}@x>`,
    },
    `${subject}\r\n`,
  );

async function send(subject: string): Promise<void> {
  const smtp = people.alice.smtp();
  await sendRaw(smtp, { from: people.alice.account.address, to: "bob@postern.alt" }, letter(subject));
  smtp.close();
}

async function subjectsAtBob(count: number): Promise<string[]> {
  const client = await people.bob.imap();
  try {
    await untilMessages(client, count);
    return [...(await fetchAll(client)).values()]
      .map((message) => /^Subject: (.*?)\r?$/m.exec(headerOf(message))?.[1] ?? "")
      .sort();
  } finally {
    await client.logout();
  }
}

test("letters to somebody offline arrive once, though the sender is killed and the relay restarted meanwhile", async () => {
  await people.bob.stop();
  for (const subject of ["offline 1", "offline 2", "offline 3"]) await send(subject);
  await people.alice.stop("SIGKILL");
  await people.restartRelay("SIGKILL");
  await people.alice.start();
  await people.bob.start();
  expect(await subjectsAtBob(3)).toEqual(["offline 1", "offline 2", "offline 3"]);
}, 60_000);

test("letters submitted while the relay is away are kept and arrive when it is back", async () => {
  await people.relay.stop();
  await send("while away");
  await people.restartRelay();
  expect(await subjectsAtBob(4)).toContain("while away");
}, 60_000);

test("a second run on the same home is refused with a clear error, and the first goes on", async () => {
  const second = await postern(people.scratch, "run", "--home", people.alice.home, "--json");
  expect(second.status).toBe(3);
  expect(second.stderr).toMatch(/a bridge already runs/);
  await send("still there");
  expect(await subjectsAtBob(5)).toContain("still there");
}, 60_000);

test("a taken port stops the start and is named", async () => {
  const { port } = people.alice.bridge.place("imap");
  await people.bob.stop();
  const refused = await postern(
    people.scratch,
    "run",
    "--home",
    people.bob.home,
    "--imap",
    `127.0.0.1:${port}`,
    "--json",
  );
  expect(refused.status).toBe(3);
  expect(refused.stderr).toContain(String(port));
  await people.bob.start();
}, 60_000);

test("a wrong password is refused by both fronts, and nothing of it stands in the log", async () => {
  const eve = Object.assign(Object.create(Person.prototype) as Person, people.alice);
  const wrong = { ...people.alice.account, appPassword: "wrong-password-needle" };
  Object.defineProperty(eve, "account", { value: wrong });
  Object.defineProperty(eve, "bridge", { value: people.alice.bridge });
  const client = Person.prototype.imap.call(eve);
  await expect(client).rejects.toMatchObject({ authenticationFailed: true });
  const smtp = Person.prototype.smtp.call(eve);
  await expect(smtp.verify()).rejects.toMatchObject({ responseCode: 535 });
  smtp.close();
  expect(people.alice.bridge.log).not.toContain("wrong-password-needle");
}, 60_000);

test("a damaged message file is told as such, and all other letters can be read", async () => {
  await people.bob.stop();
  const files = readdirSync(join(people.bob.home, "mail"), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && /\/(cur|new)$/.test(entry.parentPath),
  );
  const victim = files[0];
  if (victim === undefined) throw new Error("no message file");
  const path = join(victim.parentPath, victim.name);
  const bytes = readFileSync(path);
  bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  await people.bob.start();
  const client = await people.bob.imap();
  const lock = await client.getMailboxLock("INBOX");
  const total = (await client.search({ all: true }, { uid: true })) || [];
  let readable = 0;
  for (const uid of total) {
    const message = await client.fetchOne(String(uid), { source: true }, { uid: true }).catch(() => false as const);
    if (message !== false && message.source !== undefined) readable++;
  }
  lock.release();
  await client.logout();
  expect(total.length).toBeGreaterThan(3);
  expect(readable).toBe(total.length - 1);
}, 60_000);

test("a relay with another key than the pinned one gets nothing, and the letter waits", async () => {
  const { url } = people.relay;
  const pin = url.slice(url.lastIndexOf("/") + 1);
  const other = `${pin.startsWith("A") ? "B" : "A"}${pin.slice(1)}`;
  await people.bob.stop();
  const refused = await postern(people.scratch, "invite", "--home", people.bob.home, "--json");
  expect(refused.status).toBe(0);
  const scratch = mkdtempSync(join(tmpdir(), "postern-test-"));
  try {
    const carol = await Person.create("carol", scratch, url.replace(pin, other));
    const invite = await postern(scratch, "invite", "--home", carol.home, "--json");
    expect(invite.status).toBe(10);
    expect(invite.stderr).toMatch(/relay.*(key|pin)/);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  await people.bob.start();
}, 60_000);

/**
 * Two people, two bridges, one relay, for real, on free loopback ports in a temporary folder: a letter with an attachment
 * goes in by SMTP at one and comes out by IMAP IDLE at the other. Shows what lies on the disks meanwhile, and cleans up.
 */
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { simpleParser } from "mailparser";
import { Person } from "../rig/person.ts";
import { PosternServer } from "../rig/postern-process.ts";

const started = performance.now();
let last = started;

function step(text: string): void {
  const now = performance.now();
  console.log(`${((now - started) / 1000).toFixed(2).padStart(6)} s  (+${Math.round(now - last)} ms)  ${text}`);
  last = now;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** How many of the needles stand in any file below the folder, as they are or in base64. */
function countReadable(folder: string, needles: readonly string[]): number {
  let count = 0;
  for (const file of filesBelow(folder)) {
    const bytes = readFileSync(file);
    for (const needle of needles)
      if (bytes.includes(needle) || bytes.includes(Buffer.from(needle).toString("base64").slice(0, -4))) count++;
  }
  return count;
}

function describeFolder(title: string, folder: string, needles: readonly string[]): void {
  const files = filesBelow(folder);
  const size = files.reduce((sum, file) => sum + statSync(file).size, 0);
  console.log(
    `          ${title}: ${files.length} files, ${Math.round(size / 1024)} KiB; readable words of the letter in them: ${countReadable(folder, needles)}`,
  );
}

const scratch = mkdtempSync(join(tmpdir(), "postern-demo-"));
const undo: (() => Promise<void>)[] = [];
try {
  const relay = await PosternServer.start(
    scratch,
    "relay",
    "--home",
    join(scratch, "relay"),
    "--listen",
    "127.0.0.1:0",
  );
  undo.push(() => relay.stop());
  step(`a relay listens (ready in ${Math.round(relay.startedIn)} ms)`);

  const alice = await Person.create("alice", scratch, relay.url);
  const bob = await Person.create("bob", scratch, relay.url);
  step("alice and bob each have a home: identity, vault, certificate, mailbox");
  console.log(`          alice is ${alice.account.address}`);
  console.log(`          bob   is ${bob.account.address}`);

  for (const person of [alice, bob]) {
    const bridge = await person.start();
    undo.push(() => person.stop());
    const { port } = bridge.place("imap");
    step(
      `${person.name}'s bridge is ready in ${Math.round(bridge.startedIn)} ms: IMAP on ${port}, SMTP on ${bridge.place("smtp").port}`,
    );
  }

  await alice.befriend(bob);
  step("alice made an invite, bob accepted it: they are contacts");

  const reader = await bob.imap();
  undo.push(() => reader.logout());
  await reader.mailboxOpen("INBOX");
  const arrival = new Promise<void>((resolve) => reader.once("exists", () => resolve()));
  void reader.idle();
  step("bob's mail program waits in IDLE");

  const attachment = randomBytes(300_000);
  const words = {
    subject: "Lantern at the postern",
    body: "Meet me where the wall is low.",
    file: "map-of-the-wall.bin",
  };
  const smtp = alice.smtp();
  undo.push(async () => smtp.close());
  await smtp.sendMail({
    from: alice.account.address,
    to: "bob@postern.alt",
    subject: words.subject,
    text: `${words.body}\n`,
    attachments: [{ filename: words.file, content: attachment }],
  });
  step("alice's mail program got its 250: the letter is on alice's disk, sealed");
  await arrival;
  step("bob's mail program was told EXISTS");

  const message = await reader.fetchOne("*", { source: true });
  if (message === false || message.source === undefined) throw new Error("the letter is not there");
  const letter = await simpleParser(message.source);
  const received = letter.attachments[0];
  const intact =
    received !== undefined &&
    createHash("sha256").update(received.content).digest().equals(createHash("sha256").update(attachment).digest());
  step("bob reads it:");
  console.log(`          From: ${letter.from?.text}`);
  console.log(`          To: ${Array.isArray(letter.to) ? "" : letter.to?.text}`);
  console.log(`          Subject: ${letter.subject}`);
  const proof = letter.headerLines.find(({ key }) => key === "authentication-results");
  console.log(`          ${proof?.line.replaceAll(/\s+/g, " ")}`);
  console.log(`          ${letter.text?.trim()}`);
  console.log(
    `          [${received?.filename}, ${received?.size} octets, ${intact ? "byte for byte as sent" : "NOT AS SENT"}]`,
  );
  if (!intact || letter.subject !== words.subject) throw new Error("the letter did not arrive as it was sent");

  const needles = [...Object.values(words), alice.account.address, bob.account.address];
  console.log("What lies on the disks:");
  for (const place of ["alice", "bob", "relay"]) describeFolder(place.padEnd(5), join(scratch, place), needles);
  const readable = ["alice", "bob", "relay"].reduce(
    (sum, place) => sum + countReadable(join(scratch, place), needles),
    0,
  );
  if (readable > 0) throw new Error("something readable lies on a disk");
} finally {
  for (const action of undo.toReversed()) await action().catch(() => undefined);
  rmSync(scratch, { recursive: true, force: true });
}
step("all stopped and cleaned up");

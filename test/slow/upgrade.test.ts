import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { formatLetter, sendRaw, untilLetter } from "../../rig/letters.ts";
import { Person } from "../../rig/person.ts";
import { PosternServer, posternJson } from "../../rig/postern-process.ts";
import { PrivateDovecot } from "../../rig/private-dovecot.ts";
import { PrivatePostfix } from "../../rig/private-postfix.ts";

const ANN = "ann@provider.example";
const BOB = "bob@provider.example";
/** Milliseconds until a letter has gone through bridge, Postfix, Dovecot and bridge. */
const PATIENCE = 60_000;

let scratch: string;
let relay: PosternServer;
let dovecot: PrivateDovecot;
let postfix: PrivatePostfix;
let ann: Person;
let bob: Person;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "postern-upgrade-"));
  dovecot = await PrivateDovecot.start({ tls: true, delivery: true });
  postfix = await PrivatePostfix.start({ dovecot, mailboxes: [ANN, BOB] });
  writeFileSync(join(scratch, "password"), `${dovecot.password}\n`);
  writeFileSync(join(scratch, "ca.pem"), Buffer.concat([dovecot.certificate, postfix.certificate]));
  relay = await PosternServer.start(scratch, "relay", "--home", join(scratch, "relay"), "--listen", "127.0.0.1:0");
  [ann, bob] = [await Person.create("ann", scratch, relay.url), await Person.create("bob", scratch, relay.url)];
  await Promise.all([ann.start(), bob.start()]);
  await Promise.all([account(ann, ANN), account(bob, BOB)]);
}, 240_000);

afterAll(async () => {
  await Promise.all([ann?.stop(), bob?.stop()]);
  await Promise.all([relay?.stop(), postfix?.stop()]);
  await dovecot?.stop();
  rmSync(scratch, { recursive: true, force: true });
});

async function gateway<T>(who: Person, ...args: string[]): Promise<T> {
  return await posternJson<T>(scratch, "gateway", ...args, "--home", who.home);
}

async function account(who: Person, address: string): Promise<void> {
  const imap = ["--imap-host", "127.0.0.1", "--imap-port", String(dovecot.port)];
  const smtp = ["--smtp-host", "127.0.0.1", "--smtp-port", String(postfix.port)];
  const login = ["--user", who.name, "--password-file", join(scratch, "password"), "--ca", join(scratch, "ca.pem")];
  await gateway(who, "add", address, ...imap, ...smtp, ...login, "--allow-plain");
}

async function send(from: Person, [address, to]: readonly [string, string], subject: string, body: string, reply = "") {
  const thread = reply === "" ? {} : { "In-Reply-To": reply, References: reply };
  const header = { From: address, To: to, Subject: subject, "Message-ID": `<${subject.replaceAll(" ", ".")}@laptop>` };
  const smtp = from.smtp();
  try {
    await sendRaw(smtp, { from: address, to }, formatLetter({ ...header, ...thread }, `${body}\r\n`));
  } finally {
    smtp.close();
  }
}

/** A letter in somebody's folder, by subject. */
async function letter(who: Person, subject: string, mailbox = "INBOX", contains = "") {
  const client = await who.imap();
  try {
    const found = await untilLetter(client, mailbox, subject, ({ source }) => source.includes(contains), PATIENCE);
    return { text: found.source.toString(), flags: found.flags };
  } finally {
    await client.logout();
  }
}

const OFFER = "An old contact invites you to the overlay";
const MOVED = "An old contact has moved to the overlay";

interface Upgrades {
  readonly invitations: readonly { readonly address: string; readonly came: string; readonly inviter: string }[];
  readonly moved: readonly { readonly address: string; readonly contact: string; readonly state: string }[];
}

/** Whether any file below a directory holds these words, plain or in base64. */
function seenBelow(directory: string, words: string): boolean {
  // A short needle would be found in any armor.
  const encoded = [0, 1, 2]
    .map((shift) => {
      const base64 = Buffer.from(`${" ".repeat(shift)}${words}`).toString("base64");
      return base64.slice(4, base64.length - 4);
    })
    .filter((needle) => needle.length >= 8);
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name)))
    .some((octets) => [words, ...encoded].some((needle) => octets.includes(needle)));
}

test("a plain letter and then an encrypted one carry an invitation; once it is accepted, nothing new is at the provider", async () => {
  await gateway(ann, "policy", BOB, "--allow-plain");
  await gateway(bob, "policy", ANN, "--allow-plain");
  await gateway(ann, "upgrade", "on", BOB, "--in-the-clear");

  await send(ann, [ANN, BOB], "first of all", "WORDS-IN-THE-CLEAR");
  const plain = await letter(bob, "first of all");
  expect(plain.text).not.toContain("Postern-Invitation");
  expect(seenBelow(dovecot.home, "Postern-Invitation")).toBe(true);
  expect((await letter(bob, OFFER)).text).toContain("It came in the clear. From is easily forged");

  // The keys travel in Autocrypt fields, so that the next letters are encrypted.
  await gateway(ann, "key", "make", ANN);
  await gateway(bob, "key", "make", BOB);
  await send(bob, [BOB, ANN], "my key", "here it is");
  await letter(ann, "my key");
  await send(ann, [ANN, BOB], "now sealed", "WORDS-IN-THE-SEAL");
  const sealed = await letter(bob, "now sealed");
  expect([...sealed.flags]).toEqual(expect.arrayContaining(["$Encrypted", "$Legacy"]));
  expect(sealed.text).not.toContain("Postern-Invitation:");
  expect(seenBelow(dovecot.home, "WORDS-IN-THE-SEAL")).toBe(false);
  const before = await gateway<Upgrades>(bob, "upgrade");
  expect(before.invitations).toMatchObject([{ address: ANN, inviter: ann.account.address }]);
  expect(["signed", "encrypted"]).toContain(before.invitations[0]?.came);
  expect(before.moved).toEqual([]);

  await gateway(bob, "upgrade", "--accept", ANN, "--name", "ann");
  for (const who of [ann, bob]) expect((await letter(who, MOVED)).text).toContain("read these four words");
  expect((await gateway<Upgrades>(ann, "upgrade")).moved).toMatchObject([
    { address: BOB, contact: "bob", state: "moved" },
  ]);
  const { contacts } = await bob.command<{ contacts: { petname: string; oldAddresses?: string[] }[] }>("contacts");
  expect(contacts).toMatchObject([{ petname: "ann", oldAddresses: [ANN] }]);

  // Reply, in the old thread, to the old address.
  const id = /^Message-ID: *(<.*>)/im.exec(sealed.text)?.[1] ?? "";
  await send(bob, [BOB, ANN], "Re: now sealed", "WORDS-OVER-THE-OVERLAY", id);
  const answer = await letter(ann, "Re: now sealed", "INBOX", "WORDS-OVER-THE-OVERLAY");
  expect(answer.text).toContain(`In-Reply-To: ${id}`);
  expect(answer.text).toMatch(/x-postern=pass/);
  expect(answer.flags.has("$Legacy")).toBe(false);
  await send(ann, [ANN, BOB], "and mine", "MORE-OVER-THE-OVERLAY");
  await letter(bob, "and mine", "INBOX", "MORE-OVER-THE-OVERLAY");
  expect((await letter(ann, "and mine", "Sent")).text).toContain("X-Postern-Road: overlay");
  for (const words of ["OVER-THE-OVERLAY", "Re: now sealed", "and mine", "postern.alt"])
    expect([words, seenBelow(dovecot.home, words)]).toEqual([words, false]);
  // They see what was theirs to see.
  expect(seenBelow(dovecot.home, "WORDS-IN-THE-CLEAR")).toBe(true);
  for (const words of ["and.mine", "OVER-THE-OVERLAY"])
    expect([words, postfix.log().includes(words)]).toEqual([words, false]);

  // A letter that still comes by e-mail says so.
  expect(await gateway(ann, "upgrade", "--back", BOB)).toEqual({ address: BOB, petname: "bob" });
  await send(ann, [ANN, BOB], "by e-mail again", "back on the old road");
  const late = await letter(bob, "by e-mail again");
  expect(late.flags.has("$OldRoad")).toBe(true);
  expect(late.text).toContain("x-old-road=policy");
}, 400_000);

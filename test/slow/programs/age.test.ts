import { randomBytes } from "node:crypto";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { formatLetter, sendRaw, untilLetter } from "../../../rig/letters.ts";
import type { Person } from "../../../rig/person.ts";
import { TwoPeople } from "../../end-to-end/two-people.ts";
import { programPath, run } from "./program.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

/** Every message file in somebody's home. */
function messageFiles({ home }: Person): string[] {
  return readdirSync(join(home, "mail"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\/(cur|new)$/.test(entry.parentPath))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Writes the identity that stands on somebody's paper key to a file. */
async function recoveryIdentityFile(person: Person): Promise<string> {
  const { recoveryIdentity } = await person.command<{ recoveryIdentity: string }>("paper-key");
  const path = join(people.scratch, `${person.name}.identity`);
  writeFileSync(path, `${recoveryIdentity}\n`, { mode: 0o600 });
  return path;
}

async function decrypt(identityFile: string, file: string) {
  return await run(programPath("age", "age"), ["--decrypt", "--identity", identityFile, file], {
    home: join(people.scratch, "age"),
  });
}

test("age opens every stored letter with its owner's recovery identity, and none with another's", async () => {
  const { alice, bob } = people;
  const subject = "to be found again";
  const body = `${randomBytes(300_000).toString("base64").replace(/.{76}/g, "$&\r\n")}\r\n`;
  const smtp = alice.smtp();
  const raw = formatLetter({ From: alice.account.address, To: "bob@postern.alt", Subject: subject }, body);
  await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
  smtp.close();
  const reader = await bob.imap();
  const { source } = await untilLetter(reader, "INBOX", subject);
  await reader.append("Archive", formatLetter({ From: "me@example.org", Subject: "filed" }, "x\r\n"));
  await reader.logout();
  const [his, hers] = [await recoveryIdentityFile(bob), await recoveryIdentityFile(alice)];

  const files = messageFiles(bob);
  expect(files.length).toBeGreaterThanOrEqual(2);
  let found = 0;
  for (const file of files) {
    const opened = await decrypt(his, file);
    expect(opened).toMatchObject({ status: 0, stderr: "" });
    if (opened.stdout.subarray(0, source.length).equals(source)) found++;
    expect((await decrypt(hers, file)).stderr).toMatch(/no identity matched/);
  }
  expect(found).toBe(1);
}, 120_000);

import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { fetchAll, formatLetter, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "./two-people.ts";

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

/** A word in every shape in which a store could hold it: as it is, in base64 at each offset, in hex, in UTF-16. */
function shapes(needle: string): Buffer[] {
  const bytes = Buffer.from(needle);
  const base64 = [0, 1, 2].map((offset) => {
    const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    return text.slice(offset === 0 ? 0 : 4, Math.floor(text.length / 4) * 4 - 4);
  });
  return [
    bytes,
    Buffer.from(bytes.toString("hex")),
    Buffer.from(needle, "utf16le"),
    ...base64.map((text) => Buffer.from(text)),
  ];
}

/** Empty where the running program has renamed or removed the file; the second look finds it in its place. */
function readIfThere(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

test("no byte under both homes and the relay's store holds anything of a letter, its folders or its people", async () => {
  const words = {
    subject: "needle-subject-falcon",
    body: "needle-body-heron",
    file: "needle-file-osprey.bin",
    folder: "needle-folder-kestrel",
    keyword: "needle-keyword-merlin",
  };
  const body = `--m\r\n\r\n${words.body}\r\n--m\r\nContent-Type: application/octet-stream; name="${words.file}"\r\nContent-Transfer-Encoding: base64\r\n\r\n${randomBytes(60).toString("base64")}\r\n--m--\r\n`;
  const smtp = people.alice.smtp();
  const raw = formatLetter(
    {
      From: people.alice.account.address,
      To: "bob@postern.alt",
      Subject: words.subject,
      "Content-Type": 'multipart/mixed; boundary="m"',
    },
    body,
  );
  await sendRaw(smtp, { from: people.alice.account.address, to: "bob@postern.alt" }, raw);
  smtp.close();
  const client = await people.bob.imap();
  await untilMessages(client, 1);
  await client.mailboxCreate(words.folder);
  await client.mailboxOpen("INBOX");
  await client.messageFlagsAdd("1", [words.keyword]);
  await client.messageCopy("1", words.folder);
  expect((await fetchAll(client, words.folder)).size).toBe(1);
  await client.logout();
  const secrets = [people.alice.account.appPassword, people.bob.account.appPassword];
  const names = ["bob@postern.alt", "alice@postern.alt"];
  const labels = [people.alice, people.bob].map(({ account }) =>
    account.address.slice(account.address.indexOf("@") + 1, account.address.indexOf(".")),
  );
  const needles = [...Object.values(words), ...secrets, ...names, ...labels];

  for (const when of ["while they run", "after they stopped"]) {
    if (when === "after they stopped") await Promise.all([people.alice.stop(), people.bob.stop(), people.relay.stop()]);
    const found: string[] = [];
    for (const place of ["alice", "bob", "relay"]) {
      const root = join(people.scratch, place);
      for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        const content = entry.isFile() ? readIfThere(path) : Buffer.alloc(0);
        for (const needle of needles) {
          if (path.slice(root.length).includes(needle)) found.push(`${needle} in the name ${path}`);
          if (shapes(needle).some((shape) => content.includes(shape))) found.push(`${needle} in ${path}, ${when}`);
        }
      }
    }
    expect(found).toEqual([]);
  }
}, 60_000);

test("the homes can be read by their owner alone", () => {
  for (const place of ["alice", "bob", "relay"]) {
    const open = execFileSync("find", [
      join(people.scratch, place),
      "-perm",
      "/077",
      "-not",
      "-name",
      "*.pem",
      "-not",
      "-type",
      "l",
    ]).toString();
    const readable = open.split("\n").filter((path) => path !== "");
    expect(readable).toEqual([]);
  }
});

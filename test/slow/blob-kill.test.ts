import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { bodyOf, fetchAll, formatLetter, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";

const SIZE = 12 * 1_048_576;

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 120_000);

afterAll(async () => {
  await people?.part();
});

test("a 12 MiB letter comes octet for octet, once, whoever is killed on its way", async () => {
  const { alice, bob } = people;
  const sent: string[] = [];
  const victims = {
    alice: async () => {
      await alice.stop("SIGKILL");
      await alice.start();
    },
    bob: async () => {
      await bob.stop("SIGKILL");
      await bob.start();
    },
    relay: () => people.restartRelay("SIGKILL"),
  };
  for (const kill of [victims.alice, victims.relay, victims.bob]) {
    const body = `${randomBytes(SIZE)
      .toString("base64")
      .replace(/(.{76})/g, "$1\r\n")}\r\n`;
    const raw = formatLetter(
      {
        From: alice.account.address,
        To: "bob@postern.alt",
        Subject: "large",
        "Message-ID": `<${sent.length}@laptop.local>`,
        "Content-Transfer-Encoding": "base64",
      },
      body,
    );
    const smtp = alice.smtp();
    await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
    smtp.close();
    sent.push(createHash("sha256").update(body).digest("hex"));
    // On its way from the 250 on; how far it gets until the kill is the machine's affair, and another each time.
    await new Promise((resolve) => setTimeout(resolve, sent.length * 120));
    await kill();
    const reader = await bob.imap();
    await untilMessages(reader, sent.length, 90_000);
    await reader.logout();
  }
  const reader = await bob.imap();
  const came = [...(await fetchAll(reader)).values()].map((message) =>
    createHash("sha256").update(bodyOf(message)).digest("hex"),
  );
  await reader.logout();
  expect(came.sort()).toEqual(sent.sort());
}, 240_000);

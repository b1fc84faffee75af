import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { bodyOf, fetchAll, formatLetter, sendRaw, untilMessages } from "../../rig/letters.ts";
import { TwoPeople } from "../end-to-end/two-people.ts";
import { times } from "./thorough.ts";

const KILLS = times(60);

let people: TwoPeople;

beforeAll(async () => {
  people = await TwoPeople.meet();
}, 60_000);

afterAll(async () => {
  await people?.part();
});

const digest = (message: Buffer) => createHash("sha256").update(bodyOf(message)).digest("hex");

test(`a receiving bridge killed ${KILLS} times, and the relay with it now and then: every letter arrives once, whole`, async () => {
  const { alice, bob } = people;
  const smtp = alice.smtp(2);
  const sent: string[] = [];
  let killing = true;
  const sending = async () => {
    while (killing) {
      // From one cell to some eighty: larger ones are streamed, and are cut in their middle.
      const octets = Math.random() < 0.7 ? 2_000 : 40_000 + Math.floor(Math.random() * 1_200_000);
      const text = randomBytes(octets)
        .toString("base64")
        .replace(/(.{76})/g, "$1\r\n");
      const raw = formatLetter({ From: alice.account.address, To: "bob@postern.alt", Subject: "x" }, `${text}\r\n`);
      await sendRaw(smtp, { from: alice.account.address, to: "bob@postern.alt" }, raw);
      sent.push(digest(raw));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const senders = [sending(), sending()];
  for (let kill = 0; kill < KILLS; kill++) {
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 400));
    if (kill % 10 === 9) await people.restartRelay("SIGKILL");
    await bob.stop("SIGKILL");
    await bob.start();
  }
  killing = false;
  await Promise.all(senders);
  smtp.close();

  const reader = await bob.imap();
  await untilMessages(reader, sent.length, 180_000);
  const arrived = [...(await fetchAll(reader)).values()].map(digest);
  await reader.logout();
  expect(arrived.toSorted()).toEqual(sent.toSorted());
  expect(bob.bridge.log).not.toMatch(/"level":"error"/);
  console.log(`${sent.length} letters, each arrived once`);
}, 600_000);
